using System.Text.RegularExpressions;

namespace OverlayTools.Containers;

/// <summary>Which options go together, and what their values may be: checked before anything is opened.</summary>
internal static partial class OptionRules
{
    /// <summary>Refuses what cannot work.</summary>
    /// <exception cref="EngineException">Saying which option, and what to do.</exception>
    public static void Check(ContainerRequest request)
    {
        CheckWriters(request);
        if (request.Home is not null && (request.NoHome || request.NoMount.Contains(NoMountNames.Home)))
            throw Conflict("-HomeDirectory and leaving the home directory out", "Leave one of them out.");
        if (request.ContainDirectory is not null && !request.Contain && request.Scratch.Count == 0)
            throw Useless("-ContainDirectory", "-Contain, -ContainAll or -Scratch");
        if (request.TmpfsSizeBytes is not null && !request.WritableTmpfs && !request.Contain && request.Scratch.Count == 0)
            throw Useless("-TmpfsSizeBytes", "-WritableTmpfs, -Contain, -ContainAll or -Scratch");
        CheckPaths(request);
        CheckNames(request);
    }

    /// <summary>The error for options that exclude each other.</summary>
    public static EngineException Conflict(string what, string action) =>
        new(ErrorIds.OptionConflict, $"{what} exclude each other.", action);

    private static EngineException Useless(string option, string without) =>
        new(ErrorIds.OptionConflict, $"{option} has a meaning only with {without}.", "Leave it out, or add what it is for.");

    private static void CheckWriters(ContainerRequest request)
    {
        if (request.Writable && request.WritableTmpfs)
            throw Conflict("-Writable and -WritableTmpfs", "Keep changes with -Writable, or forget them with -WritableTmpfs.");
        if (request.Writable && request.Overlays.Count > 0)
            throw Conflict("-Writable and -Overlay", "Use the overlay inside the image, or another one, not both.");

        var writable = request.Overlays.Where(overlay => !overlay.ReadOnly).ToList();
        if (request.Ephemeral && request.WritableTmpfs)
            throw Conflict("-Ephemeral and -WritableTmpfs", "Either forgets all changes; the first on a copy of the overlay.");
        if (request.Ephemeral && writable.Count == 0 && !request.Writable)
            throw new EngineException(ErrorIds.OptionConflict, "-Ephemeral runs on a copy of a writable overlay, and there is none.",
                "Give one with -Overlay, without ':ro', or the one in the image with -Writable.");
        if (writable.Count > 1)
            throw new EngineException(ErrorIds.TooManyWritableOverlays,
                $"Only one overlay can be writable; '{writable[0].Path}' and '{writable[1].Path}' both are.",
                $"Give the others read-only: '{writable[1].Path}:ro'.", writable[1].Path);
    }

    private static void CheckPaths(ContainerRequest request)
    {
        Absolute("-WorkingDirectory", request.WorkingDirectory);
        Absolute("-HomeDirectory", request.Home?.Destination);
        foreach (var path in request.Scratch)
        {
            Absolute("-Scratch", path);
            // The same path names the directory on the host, below the one of -ContainDirectory.
            if (path.Split('/').Any(part => part is "." or "..") || path.Trim('/').Length == 0)
                throw Invalid($"-Scratch '{path}' has to name a directory, without '.' and '..'.", path);
        }

        foreach (var bind in request.Binds)
        {
            if (bind.Destination.Split('/', StringSplitOptions.RemoveEmptyEntries).All(part => part == "."))
                throw Invalid($"'{bind.Source}' cannot be bound over the container's root directory.", bind.Destination);
        }
    }

    private static void CheckNames(ContainerRequest request)
    {
        if (request.Hostname is { } host && (host.Length > 64 || !HostName().IsMatch(host)))
            throw Invalid($"'{host}' is no host name: letters, digits and hyphens, with dots between its parts.", host);
        foreach (var (name, value) in request.Environment)
        {
            if (name.Length == 0 || name.Contains('=', StringComparison.Ordinal)
                || (name + value).Contains('\0', StringComparison.Ordinal))
            {
                throw Invalid($"'{name}' cannot be the name of a variable, or its value holds a NUL.", name);
            }
        }
    }

    private static void Absolute(string option, string? path)
    {
        if (path is not null && !path.StartsWith('/'))
            throw Invalid($"{option}: '{path}' is no absolute path in the container.", path);
    }

    private static EngineException Invalid(string message, string target) =>
        new(ErrorIds.ContainerOptionInvalid, message, "Correct the value.", target);

    // RFC 1123, as sethostname(2)'s users have it.
    [GeneratedRegex(@"^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\z")]
    private static partial Regex HostName();
}
