using System.Buffers.Binary;
using System.Globalization;
using OverlayTools.Native;

namespace OverlayTools.Tar;

/// <summary>An access control list as an archive has it, in words: <c>user::rw-,user:1234:r--,mask::rw-</c>, perhaps with
/// a number after a name (star), into the form of the system calls.</summary>
internal static class TarAccessList
{
    private const uint Version = 2;
    private const uint NoId = uint.MaxValue;
    private const int EntrySize = 8;

    /// <exception cref="EngineException"><see cref="ErrorIds.TarUnsupported"/> for a list that names somebody without a
    /// number whom this system does not know; <see cref="ErrorIds.TarCorrupt"/>.</exception>
    public static byte[] Parse(string text, byte[] member)
    {
        var list = new List<byte> { (byte)Version, 0, 0, 0 };
        Span<byte> entry = stackalloc byte[EntrySize];
        foreach (var line in text.Split([',', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            // What is effective may follow as a comment.
            var parts = line.Split('#')[0].TrimEnd().Split(':');
            if (parts.Length < 3)
                throw TarFailure.Corrupt($"its access control list has an entry '{line}'", member);
            var isNamed = parts[1].Length > 0;
            ushort tag = (parts[0], isNamed) switch
            {
                ("user" or "u", false) => 1,
                ("user" or "u", true) => 2,
                ("group" or "g", false) => 4,
                ("group" or "g", true) => 8,
                ("mask" or "m", false) => 0x10,
                ("other" or "o", false) => 0x20,
                _ => throw TarFailure.Corrupt($"its access control list has an entry '{line}'", member),
            };
            BinaryPrimitives.WriteUInt16LittleEndian(entry, tag);
            BinaryPrimitives.WriteUInt16LittleEndian(entry[2..], Permissions(parts[2], line, member));
            BinaryPrimitives.WriteUInt32LittleEndian(entry[4..], isNamed ? Id(parts, member) : NoId);
            list.AddRange(entry);
        }

        return [.. list];
    }

    private static ushort Permissions(string letters, string line, byte[] member)
    {
        var bits = 0;
        foreach (var letter in letters)
        {
            bits |= letter switch
            {
                'r' => 4,
                'w' => 2,
                'x' => 1,
                '-' => 0,
                _ => throw TarFailure.Corrupt($"its access control list has an entry '{line}'", member),
            };
        }

        return (ushort)bits;
    }

    private static uint Id(string[] parts, byte[] member)
    {
        if (uint.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var id)
            || (parts.Length > 3 && uint.TryParse(parts[3], NumberStyles.None, CultureInfo.InvariantCulture, out id)))
            return id;
        // GNU tar writes the name whenever there is one, and looks it up when it unpacks.
        return (parts[0][0] == 'u' ? AccountNumber.OfUser(parts[1]) : AccountNumber.OfGroup(parts[1]))
            ?? throw TarFailure.Unsupported(
                $"its access control list names '{parts[1]}', whom this system does not know", member);
    }
}
