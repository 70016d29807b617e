using System.Numerics;

namespace OverlayTools.Tar;

/// <summary>A header block (<c>struct posix_header</c>, <c>struct oldgnu_header</c>): a view on 512 bytes.</summary>
internal readonly ref struct TarHeader(ReadOnlySpan<byte> raw)
{
    public const int Size = 512;

    public const byte Link = (byte)'1';
    public const byte SymbolicLink = (byte)'2';
    public const byte CharacterDevice = (byte)'3';
    public const byte BlockDevice = (byte)'4';
    public const byte Directory = (byte)'5';
    public const byte Fifo = (byte)'6';
    public const byte GlobalPax = (byte)'g';
    public const byte Pax = (byte)'x';
    public const byte SolarisPax = (byte)'X';
    public const byte GnuLongLink = (byte)'K';
    public const byte GnuLongName = (byte)'L';
    public const byte GnuSparse = (byte)'S';
    public const byte GnuDirectory = (byte)'D';
    public const byte GnuVolume = (byte)'V';

    private const int ChecksumAt = 148;
    private const int ChecksumSize = 8;
    private const int SparseAt = 386;
    private const int SparseEntries = 4;

    private readonly ReadOnlySpan<byte> _raw = raw[..Size];

    /// <summary>The name, its prefix included; its last slash may be there.</summary>
    public byte[] Name
    {
        get
        {
            var name = Text(0, 100);
            // GNU's older format has other fields where ustar has the prefix.
            var prefix = IsUstar ? Text(345, 155) : default;
            return prefix.IsEmpty ? name.ToArray() : [.. prefix, (byte)'/', .. name];
        }
    }

    public long Mode => Number(100, 8);

    public long UserId => Number(108, 8);

    public long GroupId => Number(116, 8);

    public long DataSize => Number(124, 12);

    public long Modified => Number(136, 12);

    public byte Type => _raw[156];

    public byte[] LinkTarget => Text(157, 100).ToArray();

    public long DeviceMajor => Number(329, 8);

    public long DeviceMinor => Number(337, 8);

    /// <summary>The map of a file of type <see cref="GnuSparse"/>, as far as it is in the header.</summary>
    public ReadOnlySpan<byte> SparseMap => _raw.Slice(SparseAt, SparseEntries * 24);

    /// <summary>Whether blocks with more of the map follow.</summary>
    public bool SparseMapGoesOn => _raw[482] != 0;

    /// <summary>The length with holes.</summary>
    public long SparseSize => Number(483, 12);

    public bool IsEnd => !_raw.ContainsAnyExcept((byte)0);

    private bool IsUstar => _raw.Slice(257, 6).SequenceEqual("ustar\0"u8);

    /// <summary>Whether the checksum is right; some programs added up signed bytes.</summary>
    public bool IsSound
    {
        get
        {
            long unsigned = 0, signed = 0;
            for (var i = 0; i < Size; i++)
            {
                var value = i is >= ChecksumAt and < ChecksumAt + ChecksumSize ? (byte)' ' : _raw[i];
                unsigned += value;
                signed += (sbyte)value;
            }

            return TryNumber(_raw.Slice(ChecksumAt, ChecksumSize), out var said) && (said == unsigned || said == signed);
        }
    }

    /// <summary>A number: octal digits, or, with the first bit set, two's complement (GNU).</summary>
    public static bool TryNumber(ReadOnlySpan<byte> field, out long value)
    {
        value = 0;
        if ((field[0] & 0x80) != 0)
        {
            byte[] bytes = [.. field];
            // 0x80 begins a number, 0xFF a negative one.
            bytes[0] = field[0] == 0xFF ? (byte)0xFF : (byte)(field[0] & 0x7F);
            var number = new BigInteger(bytes, isUnsigned: false, isBigEndian: true);
            if (number < long.MinValue || number > long.MaxValue)
                return false;
            value = (long)number;
            return true;
        }

        foreach (var digit in field.Trim(" \0"u8))
        {
            if (digit is < (byte)'0' or > (byte)'7')
                return false;
            value = value * 8 + (digit - '0');
        }

        return true;
    }

    private long Number(int offset, int length) => TryNumber(_raw.Slice(offset, length), out var value)
        ? value
        : throw TarFailure.Corrupt($"there is no number at offset {offset} of its header", Text(0, 100));

    private ReadOnlySpan<byte> Text(int offset, int length)
    {
        var text = _raw.Slice(offset, length);
        var end = text.IndexOf((byte)0);
        return end < 0 ? text : text[..end];
    }
}
