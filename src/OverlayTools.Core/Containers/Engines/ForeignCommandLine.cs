using System.Globalization;

namespace OverlayTools.Containers.Engines;

/// <summary>A command line of Apptainer or Singularity, and the variables that it needs.</summary>
/// <param name="Arguments">Without the program.</param>
/// <param name="Variables">Added to the caller's environment, or taken out of it where null.</param>
public sealed record ForeignCommandLine(IReadOnlyList<string> Arguments, IReadOnlyDictionary<string, string?> Variables)
{
    private static readonly string[] s_notPassedOn =
        ["APPTAINER_BIND", "APPTAINER_BINDPATH", "SINGULARITY_BIND", "SINGULARITY_BINDPATH", "PSModulePath"];

    /// <summary>Says what a request asks for in an engine's words: pure calculation.</summary>
    /// <param name="request">What to run.</param>
    /// <param name="engine">Which engine, and how it is installed.</param>
    /// <param name="isRoot">Whether the real root runs it.</param>
    /// <param name="isDirectory">Whether a path of the host is a directory.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.EngineOptionUnsupported"/>, which names what the engine has no
    /// words for.</exception>
    public static ForeignCommandLine For(
        ContainerRequest request, ContainerEngine engine, bool isRoot, Func<string, bool> isDirectory) =>
        new ForeignArguments(request, engine, isRoot, isDirectory).Make(Verb(request.Action), instance: null);

    /// <summary>Starts an instance.</summary>
    /// <param name="request">What to run.</param>
    /// <param name="instance">The instance's name.</param>
    /// <param name="engine">Which engine, and how it is installed.</param>
    /// <param name="isRoot">Whether the real root runs it.</param>
    /// <param name="isDirectory">Whether a path of the host is a directory.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.EngineOptionUnsupported"/>.</exception>
    public static ForeignCommandLine ForInstance(
        ContainerRequest request, string instance, ContainerEngine engine, bool isRoot, Func<string, bool> isDirectory) =>
        new ForeignArguments(request, engine, isRoot, isDirectory)
            .Make(["instance", request.Action == ContainerAction.Run ? "run" : "start"], instance);

    /// <summary>Runs a command in a running instance.</summary>
    /// <param name="request">What to run; the image and its mounts are the instance's.</param>
    /// <param name="instance">The instance's name.</param>
    /// <param name="engine">Which engine.</param>
    public static ForeignCommandLine InInstance(ContainerRequest request, string instance, ContainerEngine engine) =>
        new ForeignArguments(new ContainerRequest
        {
            ImagePath = "instance://" + instance,
            Command = request.Command,
            Action = request.Action,
            ShellPath = request.ShellPath,
            CleanEnvironment = request.CleanEnvironment,
            Environment = request.Environment,
            EnvironmentFiles = request.EnvironmentFiles,
            WorkingDirectory = request.WorkingDirectory,
            CurrentDirectory = request.CurrentDirectory,
        }, engine, isRoot: true, _ => false).Make(Verb(request.Action), instance: null);

    /// <summary>Stops instances, and waits until they have ended.</summary>
    /// <param name="instance">A name.</param>
    /// <param name="signal">A signal's number; null for the engine's own choice, SIGINT.</param>
    /// <param name="patience">How long it waits before SIGKILL; null for the engine's own choice, 10 seconds.</param>
    public static ForeignCommandLine StopInstance(string instance, int? signal, TimeSpan? patience)
    {
        List<string> arguments = ["--quiet", "instance", "stop"];
        if (signal is { } number)
            arguments.AddRange(["--signal", number.ToString(CultureInfo.InvariantCulture)]);
        if (patience is { } span)
            arguments.AddRange(["--timeout", Math.Ceiling(span.TotalSeconds).ToString(CultureInfo.InvariantCulture)]);
        arguments.Add(instance);
        return new ForeignCommandLine(arguments, new Dictionary<string, string?>());
    }

    /// <summary>Lists this user's instances as JSON.</summary>
    public static ForeignCommandLine ListInstances() =>
        new(["--quiet", "instance", "list", "--json"], new Dictionary<string, string?>());

    /// <summary>Variables of the caller that the engine does not get.</summary>
    internal static IEnumerable<string> NotPassedOn => s_notPassedOn;

    private static string[] Verb(ContainerAction action) => action switch
    {
        ContainerAction.Run => ["run"],
        ContainerAction.Shell => ["shell"],
        ContainerAction.Start => ["instance", "start"],
        _ => ["exec"],
    };
}
