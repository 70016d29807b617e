namespace OverlayTools.TestSupport;

/// <summary>
/// A real account without privileges, with subordinate ids: what most users of containers are. Root makes it when a
/// test first needs it, and it stays.
/// </summary>
internal static class OrdinaryUser
{
    public const string Name = "ot-tester";

    private static readonly Lazy<string?> s_hindrance = new(Prepare);

    /// <summary>Skips the test where there can be no such user.</summary>
    public static void Need() => Assert.SkipWhen(s_hindrance.Value is not null, s_hindrance.Value ?? string.Empty);

    /// <summary>The words before a command line that run it as the user, in a fresh environment.</summary>
    public static IReadOnlyList<string> Become => ["setpriv", "--reuid", Name, "--regid", Name, "--init-groups", "--reset-env"];

    /// <summary>Gives a file, or a tree, to the user.</summary>
    public static void Own(string path)
    {
        var (exitCode, _, error) = Machine.Run("chown", "-hR", $"{Name}:{Name}", path);
        Assert.True(exitCode == 0, error);
    }

    private static string? Prepare()
    {
        if (!Machine.IsRoot)
            return "needs root, to become an ordinary user";
        foreach (var tool in new[] { "useradd", "usermod", "newuidmap", "setpriv", "flock" })
        {
            if (Machine.FindTool(tool) is null)
                return $"needs the program '{tool}'";
        }

        if (!File.Exists("/dev/fuse"))
            return "needs /dev/fuse";
        var (exitCode, _, error) = Machine.Run("sh", Path.Combine(Machine.RepositoryRoot, "tests", "Shared", "ordinary-user.sh"), Name);
        return exitCode == 0 ? null : $"the user '{Name}' cannot be made: {error.Trim()}";
    }
}
