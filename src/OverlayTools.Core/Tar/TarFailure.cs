using System.Text;

namespace OverlayTools.Tar;

/// <summary>Makes the errors for archives.</summary>
internal static class TarFailure
{
    /// <summary>The archive contradicts itself, or ends too early.</summary>
    public static EngineException Corrupt(string what, ReadOnlySpan<byte> member = default) =>
        new(ErrorIds.TarCorrupt, $"The archive is damaged{At(member)}: {what}.", "Make the archive again, or copy it again.",
            TargetOf(member));

    /// <summary>A member that would reach outside, or through something that is no directory.</summary>
    public static EngineException Unsafe(ReadOnlySpan<byte> member, string why) =>
        new(ErrorIds.TarMemberRefused, $"The archive's member '{Text(member)}' is refused: {why}.",
            "Make the archive without it.", TargetOf(member));

    /// <summary>Something that this module does not read.</summary>
    public static EngineException Unsupported(string what, ReadOnlySpan<byte> member = default) =>
        new(ErrorIds.TarUnsupported, $"The archive cannot be read{At(member)}: {what}.",
            "Unpack it with tar, and give the directory.", TargetOf(member));

    private static string At(ReadOnlySpan<byte> member) => member.IsEmpty ? "" : $" at member '{Text(member)}'";

    private static string? TargetOf(ReadOnlySpan<byte> member) => member.IsEmpty ? null : Text(member);

    private static string Text(ReadOnlySpan<byte> member) => Encoding.UTF8.GetString(member).Replace('\0', '\uFFFD');
}
