using Microsoft.Win32.SafeHandles;
using OverlayTools.Native;

namespace OverlayTools.Containers;

/// <summary>The directory that a container's mounts are assembled in; it stays empty outside the container.</summary>
internal static class SessionDirectory
{
    private const string Prefix = "overlaytools-";

    private static readonly char[] s_needQuoting = [',', ':', '\\', ' ', '\t', '\n', '"'];

    /// <summary>A path that nobody uses.</summary>
    public static string Choose()
    {
        // The path goes into mount options, where these characters would need quoting that not every driver knows.
        var temporary = Path.GetTempPath();
        var parent = temporary.IndexOfAny(s_needQuoting) < 0 ? temporary : "/tmp/";
        return Path.Combine(parent, Prefix + Guid.NewGuid().ToString("N")[..16]);
    }

    /// <summary>Makes it, for its owner alone. The random name keeps others from having made it first.</summary>
    /// <param name="path">The path that was chosen.</param>
    /// <returns>A lock on it: while a process has it open, <see cref="Leftovers.Sweep"/> leaves the directory alone.
    /// </returns>
    /// <exception cref="IOException">It was taken away at once.</exception>
    public static SafeFileHandle Create(string path)
    {
        Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var directory = Open.File(path, Open.ReadOnly | Open.Directory);
        // Where there are no locks, nobody sweeps either: whoever does gets one first.
        if (Flock.Try(directory, exclusive: false) != Errno.EAGAIN && Directory.Exists(path))
            return directory;
        directory.Dispose();
        throw new IOException($"'{path}' was taken away by another process. Try again.");
    }

    /// <summary>Whether a path has the form of one.</summary>
    public static bool IsNameOfOne(string path) =>
        Path.GetFileName(path) is { Length: 29 } name && name.StartsWith(Prefix, StringComparison.Ordinal)
        && name[Prefix.Length..].All(char.IsAsciiHexDigitLower);
}
