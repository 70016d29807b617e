namespace OverlayTools.Containers;

/// <summary>Decides how the host's command <c>fakeroot</c> is brought into the container, and put before the command.</summary>
internal static class FakeRootPlanner
{
    /// <summary>Where its files are in the container.</summary>
    public const string Directory = "/.singularity.d/libs";

    private const string Script = Directory + "/fakeroot";
    private const string Daemon = Directory + "/faked";
    private const string Library = Directory + "/libfakeroot.so";

    /// <summary>The mounts of its files.</summary>
    public static IEnumerable<MountPlan> Mounts(FakeRootCommand command)
    {
        yield return Bind(command.Script, Script);
        yield return Bind(command.Daemon, Daemon);
        yield return Bind(command.Library, Library);
        // The script reads its options with it; an image may lack it.
        if (command.GetOpt is { } getOpt)
            yield return Bind(getOpt, Directory + "/getopt");
    }

    /// <summary>The words before the command.</summary>
    public static IReadOnlyList<string> Prefix { get; } = [Script, "-f", Daemon, "-l", Library];

    private static MountPlan Bind(string source, string destination) => new()
    {
        Kind = MountKind.Bind, Source = source, Destination = destination, IsDirectory = false, ReadOnly = true,
        IfMissing = MissingAction.Fail,
    };
}
