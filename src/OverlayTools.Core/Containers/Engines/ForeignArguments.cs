namespace OverlayTools.Containers.Engines;

/// <summary>Translates a request option by option.</summary>
/// <param name="request">What to run.</param>
/// <param name="engine">Which engine, and how it is installed.</param>
/// <param name="isRoot">Whether the real root runs it.</param>
/// <param name="isDirectory">Whether a path of the host is a directory.</param>
internal sealed class ForeignArguments(
    ContainerRequest request, ContainerEngine engine, bool isRoot, Func<string, bool> isDirectory)
{
    private readonly List<string> _arguments = ["--quiet"];
    private readonly Dictionary<string, string?> _variables = new(StringComparer.Ordinal);

    /// <summary>The whole command line.</summary>
    /// <param name="verb">For example <c>exec</c>.</param>
    /// <param name="instance">The name of an instance to start, which follows the image.</param>
    public ForeignCommandLine Make(IReadOnlyList<string> verb, string? instance)
    {
        _arguments.AddRange(verb);
        Identity();
        Layers();
        Mounts();
        Variables();
        Isolation();
        if (request is { Action: ContainerAction.Shell, ShellPath: { } shell })
            Option("--shell", shell);
        _arguments.Add(request.ImagePath);
        if (instance is not null)
            _arguments.Add(instance);
        if (request.Action != ContainerAction.Shell)
            _arguments.AddRange(request.Command);
        // Their values are among the request's binds already; and a path of modules is PowerShell's own affair.
        foreach (var name in ForeignCommandLine.NotPassedOn)
            _variables[name] = null;
        return new ForeignCommandLine(_arguments, _variables);
    }

    private void Identity()
    {
        Switch(request.FakeRoot, "--fakeroot");
        Switch(request.UserNamespace || NeedsUserNamespace(), "--userns");
        Switch(request.NoPrivileges, "--no-privs");
    }

    // With its set-user-id program, an ordinary user may not stack a directory, nor, with older versions, an ext3 image.
    private bool NeedsUserNamespace()
    {
        if (isRoot || !engine.IsSetuid || request.FakeRoot)
            return false;
        return request.Overlays.Any(overlay => isDirectory(overlay.Path)) || (engine.RefusesSetuidExt3 && request.Overlays.Count > 0);
    }

    private void Layers()
    {
        foreach (var overlay in request.Overlays)
        {
            if (overlay.Id is { } id)
                throw Unsupported($"the overlay partition {id} of '{overlay.Path}' alone", "name the image without an Id");
            Refuse(overlay.Path, "an overlay's path", ",:\"");
            Option("--overlay", overlay.ReadOnly ? overlay.Path + ":ro" : overlay.Path);
        }

        if (request.Ephemeral)
            throw Unsupported("-Ephemeral", "copy the overlay with Copy-OverlayImage");
        if (request.WaitForLock > TimeSpan.Zero)
            throw Unsupported("-WaitForLock", "try again later");
        Switch(request.Writable, "--writable");
        Switch(request.WritableTmpfs, "--writable-tmpfs");
        if (request.TmpfsSizeBytes is not null)
            throw Unsupported("-TmpfsSizeBytes", "its configuration file sets 'sessiondir max size'");
    }

    private void Mounts()
    {
        foreach (var bind in request.Binds)
        {
            // A backslash says that a colon or comma is meant as such; itself it cannot be said.
            Refuse(bind.Source, "a bind's source", @"\");
            Refuse(bind.Destination, "a bind's destination", @"\");
            Option("--bind", Bind(bind));
        }

        if (request.NoMount.Count > 0)
        {
            foreach (var name in request.NoMount)
                Refuse(name, "-NoMount", ",\"");
            Option("--no-mount", string.Join(',', request.NoMount));
        }

        Switch(request.NoHome, "--no-home");
        if (request.Home is { } home)
        {
            Refuse(home.Source, "the home directory", ":");
            Refuse(home.Destination, "the home directory", ":");
            Option("--home", home.Source == home.Destination ? home.Source : $"{home.Source}:{home.Destination}");
        }

        Switch(request.Contain, "--contain");
        if (request.ContainDirectory is { } directory)
            Option("--workdir", directory);
        foreach (var scratch in request.Scratch)
        {
            Refuse(scratch, "-Scratch", ",\"");
            Option("--scratch", scratch);
        }

        if (request.WorkingDirectory is { } start)
            Option("--pwd", start);
    }

    private static string Bind(BindArgument bind)
    {
        var options = new List<string>();
        if (bind.IsImage)
            options.Add("image-src=" + Escape(bind.ImageSource!));
        if (bind.Id is { } id)
            options.Add(FormattableString.Invariant($"id={id}"));
        if (bind.ReadOnly)
            options.Add("ro");
        var paths = $"{Escape(bind.Source)}:{Escape(bind.Destination)}";
        return options.Count > 0 ? $"{paths}:{string.Join(',', options)}" : paths;
    }

    private static string Escape(string path) =>
        path.Replace(":", @"\:", StringComparison.Ordinal).Replace(",", @"\,", StringComparison.Ordinal);

    // Through variables with a prefix any text reaches the command unchanged; --env, which takes a list apart at its
    // commas, is for what has to win over a file.
    private void Variables()
    {
        Switch(request.CleanEnvironment, "--cleanenv");
        foreach (var file in request.EnvironmentFiles)
        {
            Refuse(file, "-EnvironmentFile", ",\"");
            Option("--env-file", file);
        }

        var prefix = engine.Engine == ContainerEngineKind.Apptainer ? "APPTAINERENV_" : "SINGULARITYENV_";
        foreach (var (name, value) in request.Environment)
        {
            if (request.EnvironmentFiles.Count == 0)
                _variables[prefix + name] = value;
            else
                Option("--env", Assignment(name, value));
        }
    }

    // The list is taken apart as comma-separated values once there is more than one '='; with one, only quotes at its ends go.
    private string Assignment(string name, string value)
    {
        if (value.Contains('=', StringComparison.Ordinal))
            return $"\"{name}={value.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
        return value.StartsWith('"') || value.EndsWith('"')
            ? throw Unsupported($"the quotes around {name} beside -EnvironmentFile", "put it into the file")
            : $"{name}={value}";
    }

    private void Isolation()
    {
        if (request.Hostname is { } hostname)
            Option("--hostname", hostname);
        Switch(request.PidNamespace, "--pid");
        Switch(request.IpcNamespace, "--ipc");
        if (request.NetworkNone)
            _arguments.AddRange(["--net", "--network", "none"]);
    }

    private void Switch(bool on, string name)
    {
        if (on)
            _arguments.Add(name);
    }

    private void Option(string name, string value) => _arguments.AddRange([name, value]);

    private void Refuse(string path, string what, string characters)
    {
        if (path.IndexOfAny(characters.ToCharArray()) is >= 0 and var at)
            throw Unsupported($"'{path[at]}' in {what} ('{path}')", "use a link with another name");
    }

    private EngineException Unsupported(string what, string otherwise) =>
        new(ErrorIds.EngineOptionUnsupported, $"{engine.Engine} has no way to say {what}.",
            $"Run with -Engine Native, or {otherwise}.", request.ImagePath);
}
