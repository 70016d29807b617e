using System.Buffers.Binary;
using System.Numerics;

namespace OverlayTools.Ext;

/// <summary>The hash by which an indexed directory sorts its names (kernel, <c>fs/ext4/hash.c</c>).</summary>
internal static class DirectoryHash
{
    public const int Legacy = 0;
    public const int HalfMd4 = 1;
    public const int Tea = 2;

    /// <summary>Added to a version when letters from 128 on count as positive.</summary>
    public const int Unsigned = 3;

    private const int BufferWords = 8;
    private const uint LargestInIndex = 0xFFFFFFFC;

    /// <summary>The hash; its lowest bit is always clear.</summary>
    /// <param name="version">One of the versions, with <see cref="Unsigned"/> added or not.</param>
    /// <param name="name">The name.</param>
    /// <param name="seed">The 16 bytes of <c>s_hash_seed</c>.</param>
    public static uint Of(int version, ReadOnlySpan<byte> name, ReadOnlySpan<byte> seed)
    {
        var isSigned = version < Unsigned;
        var kind = version % Unsigned;
        if (kind == Legacy)
            return LegacyHash(name, isSigned);

        Span<uint> state = [0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476];
        if (seed.ContainsAnyExcept((byte)0))
        {
            for (var i = 0; i < state.Length; i++)
                state[i] = BinaryPrimitives.ReadUInt32LittleEndian(seed[(i * 4)..]);
        }

        Span<uint> words = stackalloc uint[BufferWords];
        words = kind == HalfMd4 ? words : words[..4];
        for (var rest = name; rest.Length > 0; rest = rest[Math.Min(rest.Length, words.Length * 4)..])
        {
            Pack(rest, words, isSigned);
            if (kind == HalfMd4)
                MixMd4(state, words);
            else
                MixTea(state, words);
        }

        return state[kind == HalfMd4 ? 1 : 0] & ~1u;
    }

    /// <summary>The hash that an index has for a name: the largest stands for the end when the kernel reads a directory
    /// (<c>ext4fs_dirhash</c>).</summary>
    public static uint InIndex(int version, bool isUnsigned, ReadOnlySpan<byte> name, ReadOnlySpan<byte> seed) =>
        Math.Min(Of(version + (isUnsigned ? Unsigned : 0), name, seed), LargestInIndex);

    private static int Letter(byte letter, bool isSigned) => isSigned ? (sbyte)letter : letter;

    private static uint LegacyHash(ReadOnlySpan<byte> name, bool isSigned)
    {
        uint current = 0x12A3FE2D, previous = 0x37ABE8F9;
        foreach (var letter in name)
        {
            var next = previous + (current ^ (uint)(Letter(letter, isSigned) * 7152373));
            if ((next & 0x80000000) != 0)
                next -= 0x7FFFFFFF;
            (previous, current) = (current, next);
        }

        return current << 1;
    }

    // Four letters to a word; what is missing is filled with the length.
    private static void Pack(ReadOnlySpan<byte> text, Span<uint> words, bool isSigned)
    {
        var length = (uint)text.Length;
        var fill = length | length << 8;
        fill |= fill << 16;
        words.Fill(fill);
        var count = Math.Min(text.Length, words.Length * 4);
        var word = fill;
        for (var i = 0; i < count; i++)
        {
            word = (uint)Letter(text[i], isSigned) + (word << 8);
            words[i / 4] = word;
            if (i % 4 == 3)
                word = fill;
        }
    }

    private static void MixTea(Span<uint> state, ReadOnlySpan<uint> words)
    {
        uint sum = 0, x = state[0], y = state[1];
        for (var round = 0; round < 16; round++)
        {
            sum += 0x9E3779B9;
            x += ((y << 4) + words[0]) ^ (y + sum) ^ ((y >> 5) + words[1]);
            y += ((x << 4) + words[2]) ^ (x + sum) ^ ((x >> 5) + words[3]);
        }

        state[0] += x;
        state[1] += y;
    }

    // MD4 (RFC 1320) with eight words and half of the steps of each round.
    private static void MixMd4(Span<uint> state, ReadOnlySpan<uint> words)
    {
        ReadOnlySpan<int> order = [0, 1, 2, 3, 4, 5, 6, 7, 1, 3, 5, 7, 0, 2, 4, 6, 3, 7, 2, 6, 1, 5, 0, 4];
        ReadOnlySpan<int> shifts = [3, 7, 11, 19, 3, 5, 9, 13, 3, 9, 11, 15];
        ReadOnlySpan<uint> constants = [0, 0x5A827999, 0x6ED9EBA1];
        var (a, b, c, d) = (state[0], state[1], state[2], state[3]);
        for (var step = 0; step < order.Length; step++)
        {
            var round = step / 8;
            var mixed = round switch
            {
                0 => d ^ (b & (c ^ d)),
                1 => (b & c) + ((b ^ c) & d),
                _ => b ^ c ^ d,
            };
            var next = BitOperations.RotateLeft(a + mixed + words[order[step]] + constants[round], shifts[round * 4 + step % 4]);
            (a, b, c, d) = (d, next, b, c);
        }

        state[0] += a;
        state[1] += b;
        state[2] += c;
        state[3] += d;
    }
}
