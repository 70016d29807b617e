using System.Buffers.Binary;
using System.Text;

namespace OverlayTools.Containers;

/// <summary>Finds the loader that a program asks for (<c>elf(5)</c>, <c>PT_INTERP</c>), for 64-bit little-endian ones.</summary>
internal static class ProgramLoader
{
    private const int HeaderSize = 64;
    private const int EntrySize = 56;
    private const uint Interpreter = 3;
    private const int LongestPath = 4096;

    /// <summary>Its path; null when the program has none, or is of another kind.</summary>
    public static string? Of(string program)
    {
        using var file = File.OpenHandle(program);
        var header = new byte[HeaderSize];
        if (RandomAccess.Read(file, header, 0) < HeaderSize || !header.AsSpan().StartsWith("\u007fELF\u0002\u0001"u8))
            return null;
        var table = BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(32)); // e_phoff
        var count = BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(56)); // e_phnum
        var entry = new byte[EntrySize];
        for (var i = 0; i < count && table > 0; i++)
        {
            if (RandomAccess.Read(file, entry, table + ((long)i * EntrySize)) < EntrySize)
                return null;
            if (BinaryPrimitives.ReadUInt32LittleEndian(entry) != Interpreter)
                continue;
            var offset = BinaryPrimitives.ReadInt64LittleEndian(entry.AsSpan(8)); // p_offset
            var size = BinaryPrimitives.ReadInt64LittleEndian(entry.AsSpan(32)); // p_filesz
            if (offset < 0 || size is < 2 or > LongestPath)
                return null;
            var path = new byte[size];
            return RandomAccess.Read(file, path, offset) == size ? Encoding.UTF8.GetString(path).TrimEnd('\0') : null;
        }

        return null;
    }
}
