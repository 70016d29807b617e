using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace OverlayTools.IO;

/// <summary>A file that a process has open (<c>/proc/PID/fdinfo/FD</c>).</summary>
/// <param name="ProcessId">The process.</param>
/// <param name="Descriptor">Its number for the file.</param>
/// <param name="Inode">The file's number on its file system; 0 where the kernel does not say (before 5.14).</param>
/// <param name="MountId">The mount through which it was opened.</param>
/// <param name="Writes">Whether it may write.</param>
/// <param name="Locks">The locks that hang on it.</param>
internal sealed record OpenDescriptor(
    int ProcessId, int Descriptor, ulong Inode, int MountId, bool Writes, IReadOnlyList<FileLockLine> Locks)
{
    private const int OrdinaryText = 1024;
    private const int MostText = 1 << 16;
    private const int AccessMode = 3; // O_ACCMODE

    private static readonly EnumerationOptions s_quietly = new() { IgnoreInaccessible = true, AttributesToSkip = 0 };

    /// <summary>All that a process has open; nothing when it has ended or may not be looked into.</summary>
    public static IReadOnlyList<OpenDescriptor> Of(int processId)
    {
        var found = new List<OpenDescriptor>();
        try
        {
            var directory = string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/fdinfo");
            foreach (var path in Directory.EnumerateFiles(directory, "*", s_quietly))
            {
                if (int.TryParse(Path.GetFileName(path.AsSpan()), NumberStyles.None, CultureInfo.InvariantCulture, out var descriptor)
                    && Read(processId, descriptor) is { } open)
                    found.Add(open);
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // It has ended meanwhile.
        }

        return found;
    }

    /// <summary>One descriptor; null when it is closed.</summary>
    public static OpenDescriptor? Read(int processId, int descriptor)
    {
        // One reading does for nearly all of the thousands there may be: the kernel gives the whole text if it fits.
        Span<byte> buffer = stackalloc byte[OrdinaryText];
        var name = string.Create(CultureInfo.InvariantCulture, $"fdinfo/{descriptor}");
        var length = ProcessFacts.ReadOnce(processId, name, buffer);
        ReadOnlySpan<byte> text = length < buffer.Length ? buffer[..length] : ProcessFacts.Read(processId, name, MostText);
        if (text.Length == 0)
            return null;
        var locks = LocksIn(text);
        var inode = Number(text, "\nino:"u8);
        if (inode == 0 && locks.Count > 0)
            inode = locks[0].Inode;
        return new OpenDescriptor(
            processId, descriptor, inode, (int)Number(text, "\nmnt_id:"u8), (Flags(text) & AccessMode) != 0, locks);
    }

    private static ulong Number(ReadOnlySpan<byte> text, ReadOnlySpan<byte> name) =>
        Utf8Parser.TryParse(ValueOf(text, name), out ulong value, out _) ? value : 0;

    // In octal.
    private static int Flags(ReadOnlySpan<byte> text)
    {
        var flags = 0;
        foreach (var digit in ValueOf(text, "\nflags:"u8))
        {
            if (digit is < (byte)'0' or > (byte)'7')
                break;
            flags = flags << 3 | (digit - '0');
        }

        return flags;
    }

    private static ReadOnlySpan<byte> ValueOf(ReadOnlySpan<byte> text, ReadOnlySpan<byte> name)
    {
        var at = text.IndexOf(name);
        return at < 0 ? [] : text[(at + name.Length)..].TrimStart("\t "u8);
    }

    private static IReadOnlyList<FileLockLine> LocksIn(ReadOnlySpan<byte> text) =>
        text.IndexOf("\nlock:"u8) < 0
            ? []
            : [.. Encoding.ASCII.GetString(text).Split('\n').Where(line => line.StartsWith("lock:", StringComparison.Ordinal))
                .Select(FileLockLine.Parse).OfType<FileLockLine>()];
}
