using System.Globalization;

namespace OverlayTools.IO;

/// <summary>A held lock as <c>/proc/locks</c> and the <c>lock:</c> lines of <c>/proc/PID/fdinfo/FD</c> show it (kernel
/// <c>Documentation/filesystems/proc.rst</c>, 3.8).</summary>
/// <param name="Kind">Which sort of lock.</param>
/// <param name="Writes">Whether it is exclusive.</param>
/// <param name="ProcessId">Who took it; -1 for an open-file-description lock, which is no process's own.</param>
/// <param name="Device">The file system that the file is on, as <c>fe:00</c>.</param>
/// <param name="Inode">The file.</param>
/// <param name="Start">First byte.</param>
/// <param name="End">Last byte; null for whatever will be the end of the file.</param>
internal readonly record struct FileLockLine(
    ImageUseKind Kind, bool Writes, int ProcessId, string Device, ulong Inode, long Start, long? End)
{
    /// <summary>Reads <c>1: OFDLCK  ADVISORY  WRITE -1 fe:00:131 0 EOF</c>; null for what is no held lock.</summary>
    public static FileLockLine? Parse(string line)
    {
        var words = line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        var at = Array.FindIndex(words, word => word is "OFDLCK" or "POSIX" or "FLOCK");
        // Somebody who waits for the lock has an arrow before.
        if (at < 0 || words.Length < at + 7 || words.Contains("->"))
            return null;
        var place = words[at + 4].Split(':');
        if (place.Length != 3
            || !int.TryParse(words[at + 3], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var process)
            || !ulong.TryParse(place[2], NumberStyles.None, CultureInfo.InvariantCulture, out var inode)
            || !long.TryParse(words[at + 5], NumberStyles.None, CultureInfo.InvariantCulture, out var start))
            return null;
        long? end = long.TryParse(words[at + 6], NumberStyles.None, CultureInfo.InvariantCulture, out var last) ? last : null;
        var kind = words[at] switch
        {
            "OFDLCK" => ImageUseKind.OfdLock,
            "POSIX" => ImageUseKind.PosixLock,
            _ => ImageUseKind.Flock,
        };
        return new FileLockLine(kind, words[at + 2] == "WRITE", process, $"{place[0]}:{place[1]}", inode, start, end);
    }

    /// <summary>Whether it concerns a part of the range; a length of 0 means up to the end.</summary>
    public bool Overlaps(long offset, long length) =>
        (length == 0 || Start < offset + length) && (End is null || End >= offset);
}
