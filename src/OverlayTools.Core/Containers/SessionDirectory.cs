namespace OverlayTools.Containers;

/// <summary>Makes the directory that a container's mounts are assembled in; it stays empty outside the container.</summary>
internal static class SessionDirectory
{
    private static readonly char[] s_needQuoting = [',', ':', '\\', ' ', '\t', '\n', '"'];

    public static string Create()
    {
        // The path goes into mount options, where these characters would need quoting that not every driver knows.
        var temporary = Path.GetTempPath();
        var parent = temporary.IndexOfAny(s_needQuoting) < 0 ? temporary : "/tmp/";
        while (true)
        {
            var path = Path.Combine(parent, "overlaytools-" + Guid.NewGuid().ToString("N")[..12]);
            if (Path.Exists(path))
                continue;
            Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            return path;
        }
    }
}
