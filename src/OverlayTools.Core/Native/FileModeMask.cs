using System.Runtime.InteropServices;

namespace OverlayTools.Native;

/// <summary><c>umask(2)</c>: the mode bits that new files lack.</summary>
internal static partial class FileModeMask
{
    /// <summary>What most systems have.</summary>
    public const uint Ordinary = 0b000_010_010;

    private const string Line = "Umask:";

    [LibraryImport("libc", EntryPoint = "umask")]
    private static partial uint SetMask(uint mask);

    /// <summary>Sets it for this process.</summary>
    public static void Set(uint mask) => _ = SetMask(mask);

    /// <summary>Reads it without setting it, which other threads would notice (<c>proc_pid_status(5)</c>).</summary>
    public static uint Read() => Read(File.ReadLines("/proc/self/status"));

    /// <summary>Reads it from the lines of a process's status.</summary>
    public static uint Read(IEnumerable<string> status)
    {
        var digits = status.FirstOrDefault(line => line.StartsWith(Line, StringComparison.Ordinal))?[Line.Length..].Trim();
        return digits is null ? Ordinary : digits.Aggregate(0u, (mask, digit) => mask << 3 | (uint)(digit - '0') & 7);
    }
}
