using System.Runtime.InteropServices;

namespace OverlayTools.Sif;

/// <summary>A processor architecture. The values are those of <c>siftool add --partarch</c>; on disk they are two
/// ASCII digits and a NUL.</summary>
public enum SifArchitecture
{
    /// <summary>None, or one that this module does not know.</summary>
    Unknown = 0,

    /// <summary>32-bit x86, shown as <c>386</c>.</summary>
    I386 = 1,

    /// <summary>64-bit x86.</summary>
    Amd64 = 2,

    /// <summary>32-bit Arm.</summary>
    Arm = 3,

    /// <summary>64-bit Arm.</summary>
    Arm64 = 4,

    /// <summary>64-bit PowerPC, big-endian.</summary>
    Ppc64 = 5,

    /// <summary>64-bit PowerPC, little-endian.</summary>
    Ppc64le = 6,

    /// <summary>32-bit MIPS, big-endian.</summary>
    Mips = 7,

    /// <summary>32-bit MIPS, little-endian.</summary>
    Mipsle = 8,

    /// <summary>64-bit MIPS, big-endian.</summary>
    Mips64 = 9,

    /// <summary>64-bit MIPS, little-endian.</summary>
    Mips64le = 10,

    /// <summary>IBM Z.</summary>
    S390x = 11,

    /// <summary>64-bit RISC-V.</summary>
    Riscv64 = 12,

    /// <summary>64-bit LoongArch.</summary>
    Loong64 = 13,
}

/// <summary>Names and codes of <see cref="SifArchitecture"/>.</summary>
public static class SifArchitectures
{
    /// <summary>Bytes that a code takes on disk.</summary>
    internal const int CodeSize = 3;

    // Added to the runtime's enumeration in .NET 9 with this value.
    private const Architecture RuntimeRiscV64 = (Architecture)9;

    // Go's GOARCH names, which siftool and Apptainer show; the index is the value.
    private static readonly string[] s_names =
    [
        "unknown", "386", "amd64", "arm", "arm64", "ppc64", "ppc64le", "mips", "mipsle", "mips64", "mips64le", "s390x",
        "riscv64", "loong64",
    ];

    /// <summary>The architecture of this machine.</summary>
    public static SifArchitecture Host { get; } = RuntimeInformation.OSArchitecture switch
    {
        Architecture.X86 => SifArchitecture.I386,
        Architecture.X64 => SifArchitecture.Amd64,
        Architecture.Arm or Architecture.Armv6 => SifArchitecture.Arm,
        Architecture.Arm64 => SifArchitecture.Arm64,
        Architecture.Ppc64le => SifArchitecture.Ppc64le,
        Architecture.S390x => SifArchitecture.S390x,
        Architecture.LoongArch64 => SifArchitecture.Loong64,
        RuntimeRiscV64 => SifArchitecture.Riscv64,
        _ => SifArchitecture.Unknown,
    };

    /// <summary>The name that siftool shows: <c>amd64</c>, <c>386</c>, <c>unknown</c>.</summary>
    public static string ToName(this SifArchitecture architecture) =>
        IsKnown(architecture) ? s_names[(int)architecture] : s_names[0];

    /// <summary>The architecture of a name that siftool shows; upper and lower case are one.</summary>
    public static bool TryParse(string name, out SifArchitecture architecture)
    {
        architecture = (SifArchitecture)Math.Max(
            0, Array.FindIndex(s_names, known => known.Equals(name, StringComparison.OrdinalIgnoreCase)));
        return architecture != SifArchitecture.Unknown;
    }

    /// <summary>Whether the value is one that can be stored, and not <see cref="SifArchitecture.Unknown"/>.</summary>
    internal static bool IsKnown(this SifArchitecture architecture) =>
        architecture is >= SifArchitecture.I386 and <= SifArchitecture.Loong64;

    /// <summary>Reads a code; anything but two digits and a NUL is unknown.</summary>
    internal static SifArchitecture FromCode(ReadOnlySpan<byte> code)
    {
        if (!char.IsAsciiDigit((char)code[0]) || !char.IsAsciiDigit((char)code[1]) || code[2] != 0)
            return SifArchitecture.Unknown;
        var architecture = (SifArchitecture)(((code[0] - '0') * 10) + code[1] - '0');
        return IsKnown(architecture) ? architecture : SifArchitecture.Unknown;
    }

    /// <summary>Writes a code; an unknown architecture is <c>00</c>.</summary>
    internal static void WriteCode(this SifArchitecture architecture, Span<byte> code)
    {
        var value = IsKnown(architecture) ? (int)architecture : 0;
        code[0] = (byte)('0' + (value / 10));
        code[1] = (byte)('0' + (value % 10));
        code[2] = 0;
    }
}
