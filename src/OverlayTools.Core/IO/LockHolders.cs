using System.Globalization;
using Microsoft.Win32.SafeHandles;

namespace OverlayTools.IO;

/// <summary>A process that holds a lock on an image.</summary>
/// <param name="ProcessId">Its process id.</param>
/// <param name="ProcessName">The command's name, as in <c>/proc/PID/comm</c>.</param>
/// <param name="Writes">Whether the lock is exclusive.</param>
public readonly record struct LockHolder(int ProcessId, string ProcessName, bool Writes);

/// <summary>
/// Finds who holds locks on a file. An open-file-description lock has no owner in <c>/proc/locks</c> (the process id
/// there is -1); only the <c>lock:</c> lines of <c>/proc/PID/fdinfo/FD</c> lead to a process (kernel
/// <c>Documentation/filesystems/proc.rst</c>, 3.8).
/// </summary>
public static class LockHolders
{
    /// <summary>The processes, visible to this user, that hold a lock overlapping the range; other handles of our own
    /// count too, the given one does not.</summary>
    /// <param name="file">An open handle of the file.</param>
    /// <param name="offset">First byte of the range.</param>
    /// <param name="length">Bytes in the range; 0 means to the end.</param>
    public static IReadOnlyList<LockHolder> Find(SafeFileHandle file, long offset, long length)
    {
        var self = file.DangerousGetHandle().ToInt32();
        if (InodeOf($"/proc/self/fdinfo/{self}") is not { } inode)
            return [];

        var holders = new Dictionary<int, LockHolder>();
        foreach (var process in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(process), NumberStyles.None, CultureInfo.InvariantCulture, out var id))
                continue;
            foreach (var info in FdInfos(process))
            {
                if (id == Environment.ProcessId && Path.GetFileName(info) == self.ToString(CultureInfo.InvariantCulture))
                    continue;
                foreach (var held in LocksIn(info, inode))
                {
                    if (!Overlaps(held.Start, held.End, offset, length))
                        continue;
                    var writes = held.Writes || (holders.TryGetValue(id, out var known) && known.Writes);
                    holders[id] = new LockHolder(id, NameOf(process), writes);
                }
            }
        }

        return [.. holders.Values.OrderBy(h => h.ProcessId)];
    }

    private static bool Overlaps(long start, long? end, long offset, long length) =>
        (length == 0 || start < offset + length) && (end is null || end >= offset);

    private static string[] FdInfos(string process)
    {
        try
        {
            return Directory.GetFiles(Path.Combine(process, "fdinfo"));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return []; // ended meanwhile, or another user's
        }
    }

    private static string NameOf(string process)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, "comm")).TrimEnd('\n');
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return "?";
        }
    }

    private static string? InodeOf(string fdInfo) =>
        ReadLines(fdInfo).FirstOrDefault(line => line.StartsWith("ino:", StringComparison.Ordinal))?[4..].Trim();

    // lock:	1: OFDLCK  ADVISORY  WRITE -1 fe:00:131 0 EOF
    private static IEnumerable<(bool Writes, long Start, long? End)> LocksIn(string fdInfo, string inode)
    {
        foreach (var line in ReadLines(fdInfo))
        {
            if (!line.StartsWith("lock:", StringComparison.Ordinal))
                continue;
            var words = line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            if (words.Length < 9 || !words[6].EndsWith(":" + inode, StringComparison.Ordinal))
                continue;
            if (!long.TryParse(words[7], NumberStyles.None, CultureInfo.InvariantCulture, out var start))
                continue;
            long? end = long.TryParse(words[8], NumberStyles.None, CultureInfo.InvariantCulture, out var last) ? last : null;
            yield return (words[4] == "WRITE", start, end);
        }
    }

    private static string[] ReadLines(string path)
    {
        try
        {
            return File.ReadAllLines(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
