using System.Buffers.Binary;

namespace OverlayTools.Sif.Signatures;

/// <summary>
/// A packet of an OpenPGP message (RFC 9580, 4.2). Packets are told apart here, and their lengths checked, before a
/// library sees them: it would make room for what a length claims.
/// </summary>
/// <param name="Tag">What the packet is.</param>
/// <param name="Start">Its first byte, that of its header.</param>
/// <param name="BodyStart">The first byte of its body.</param>
/// <param name="End">The first byte after it.</param>
internal readonly record struct OpenPgpPacket(int Tag, int Start, int BodyStart, int End)
{
    public const int SignatureTag = 2;
    public const int PublicKeyTag = 6;

    /// <summary>The packets, in order; null when they do not fill the bytes exactly.</summary>
    public static List<OpenPgpPacket>? Split(ReadOnlySpan<byte> bytes)
    {
        var packets = new List<OpenPgpPacket>();
        for (var at = 0; at < bytes.Length;)
        {
            if (ReadOne(bytes, at) is not { } packet)
                return null;
            packets.Add(packet);
            at = packet.End;
        }

        return packets;
    }

    private static OpenPgpPacket? ReadOne(ReadOnlySpan<byte> bytes, int start)
    {
        var first = bytes[start];
        if ((first & 0x80) == 0)
            return null;
        var rest = bytes[(start + 1)..];
        var isNew = (first & 0x40) != 0;
        var tag = isNew ? first & 0x3F : (first >> 2) & 0x0F;
        if (!(isNew ? TryReadNewLength(rest, out var used, out var length) : TryReadOldLength(rest, first & 3, out used,
            out length)))
            return null;
        var body = start + 1 + used;
        return length <= bytes.Length - body ? new OpenPgpPacket(tag, start, body, body + (int)length) : null;
    }

    private static bool TryReadNewLength(ReadOnlySpan<byte> bytes, out int used, out uint length)
    {
        (used, length) = (0, 0);
        if (bytes.IsEmpty)
            return false;
        // Partial lengths (224 to 254) are for encrypted and literal data only.
        used = bytes[0] switch { < 192 => 1, < 224 => 2, 255 => 5, _ => 0 };
        if (used == 0 || used > bytes.Length)
            return false;
        length = used switch
        {
            1 => bytes[0],
            2 => (uint)(((bytes[0] - 192) << 8) + bytes[1] + 192),
            _ => BinaryPrimitives.ReadUInt32BigEndian(bytes[1..]),
        };
        return true;
    }

    private static bool TryReadOldLength(ReadOnlySpan<byte> bytes, int kind, out int used, out uint length)
    {
        used = 1 << kind;
        length = 0;
        // Kind 3 is a length that is not told: for compressed data only.
        if (kind == 3 || used > bytes.Length)
            return false;
        foreach (var digit in bytes[..used])
            length = (length << 8) | digit;
        return true;
    }
}
