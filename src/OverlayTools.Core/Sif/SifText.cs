namespace OverlayTools.Sif;

/// <summary>Text from a SIF image, which may hold anything: made safe to show.</summary>
internal static class SifText
{
    /// <inheritdoc cref="PrintableText.Show"/>
    public static string Show(ReadOnlySpan<byte> bytes) => PrintableText.Show(bytes);

    /// <summary>The bytes without the NULs at their end.</summary>
    public static ReadOnlySpan<byte> Trim(ReadOnlySpan<byte> field) => field.TrimEnd((byte)0);
}
