namespace OverlayTools.Containers;

/// <summary>The directory that a container's mounts are assembled in; it stays empty outside the container.</summary>
internal static class SessionDirectory
{
    private static readonly char[] s_needQuoting = [',', ':', '\\', ' ', '\t', '\n', '"'];

    /// <summary>A path that nobody uses.</summary>
    public static string Choose()
    {
        // The path goes into mount options, where these characters would need quoting that not every driver knows.
        var temporary = Path.GetTempPath();
        var parent = temporary.IndexOfAny(s_needQuoting) < 0 ? temporary : "/tmp/";
        return Path.Combine(parent, "overlaytools-" + Guid.NewGuid().ToString("N")[..16]);
    }

    /// <summary>Makes it, for its owner alone. The random name keeps others from having made it first.</summary>
    public static void Create(string path) =>
        Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
}
