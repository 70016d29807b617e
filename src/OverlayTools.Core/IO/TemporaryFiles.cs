using Microsoft.Win32.SafeHandles;
using OverlayTools.Native;

namespace OverlayTools.IO;

/// <summary>
/// The names of the files that are made beside a target to take its place, and what is left of them when their maker was
/// killed. Who makes one holds a lock on a byte that no file has, until the file has its own name: one without that lock
/// belongs to nobody any more.
/// </summary>
internal static class TemporaryFiles
{
    private const string Suffix = ".tmp";
    private const int RandomDigits = 12;

    // Far from what Apptainer locks, up to the end of a file; ext3 and the formats here end long before.
    private const long HeldByte = 1L << 62;

    /// <summary>A new name beside the target: <c>.NAME.</c>, twelve hexadecimal digits, <c>.tmp</c>.</summary>
    public static string NewName(string target) =>
        Path.Combine(FolderOf(target), Prefix(target) + Guid.NewGuid().ToString("N")[..RandomDigits] + Suffix);

    /// <summary>Marks a file that was just made as one that somebody works on.</summary>
    /// <returns>False when it was taken for an abandoned one, and removed, before that.</returns>
    public static bool TryHold(SafeFileHandle file)
    {
        // Shared, so that who made it may open it once more, and read it as any image.
        var errno = FileLock.TryLock(file, exclusive: false, HeldByte, 1);
        return errno is not (Errno.EAGAIN or Errno.EACCES) && Statx.Of(file).Links > 0;
    }

    /// <summary>Ends that, when the file has its own name.</summary>
    public static void LetGo(SafeFileHandle file) => FileLock.Release(file, HeldByte, 1);

    /// <summary>Removes what those who were killed left beside a target; what cannot be removed stays.</summary>
    /// <param name="target">The target's own path. The caller has the right to change it.</param>
    public static void RemoveAbandoned(string target)
    {
        try
        {
            foreach (var path in Directory.EnumerateFiles(FolderOf(target)).Where(path => IsFor(target, path)).ToList())
                RemoveIfAbandoned(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // A directory that cannot be listed, for example: nothing of what follows depends on it.
        }
    }

    private static void RemoveIfAbandoned(string path)
    {
        using var file = Open.TryFile(path, Open.ReadWrite | Open.NoFollow | Open.NonBlock, 0, out _);
        // Where there are no locks, nobody can tell.
        if (file is null || Statx.Of(file).FileType != Statx.RegularFile
            || FileLock.TryLock(file, exclusive: true, HeldByte, 1) != 0)
            return;
        File.Delete(path);
    }

    private static bool IsFor(string target, string path)
    {
        var name = Path.GetFileName(path.AsSpan());
        var prefix = Prefix(target);
        return name.Length == prefix.Length + RandomDigits + Suffix.Length
            && name.StartsWith(prefix, StringComparison.Ordinal) && name.EndsWith(Suffix, StringComparison.Ordinal)
            && !name.Slice(prefix.Length, RandomDigits).ContainsAnyExcept("0123456789abcdef");
    }

    private static string Prefix(string target) => $".{Path.GetFileName(target)}.";

    private static string FolderOf(string target) => Path.GetDirectoryName(target) ?? "/";
}
