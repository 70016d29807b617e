using System.Text;

namespace OverlayTools.Sif.Signatures;

/// <summary>A text with an OpenPGP signature behind it (RFC 9580, 7; SIF specification, 4.5 and 4.6).</summary>
/// <param name="Text">The text that is signed: without dashes for protection and blanks at the end of lines, the lines
/// separated by CR LF.</param>
/// <param name="Signature">The signature packets.</param>
internal sealed record ClearSignedText(byte[] Text, byte[] Signature)
{
    private const string Start = "-----BEGIN PGP SIGNED MESSAGE-----";
    private const string SignatureStart = "-----BEGIN PGP SIGNATURE-----";
    private const string SignatureEnd = "-----END PGP SIGNATURE-----";
    private const string LegacyStart = "SIFHASH:\r\n";

    /// <summary>Finds the text.</summary>
    /// <param name="bytes">An object's data.</param>
    /// <returns>Null when there is none, or it is not complete.</returns>
    public static ClearSignedText? Parse(ReadOnlySpan<byte> bytes)
    {
        // Byte for byte, so that what is verified is what is there.
        var lines = Encoding.Latin1.GetString(bytes).Split('\n');
        var at = Array.FindIndex(lines, line => line.TrimEnd() == Start) + 1;
        if (at == 0)
            return null;
        for (; at < lines.Length && lines[at].TrimEnd().Length > 0; at++)
        {
            // Another header could make a reader see another text than the one that is signed.
            if (!lines[at].StartsWith("Hash:", StringComparison.Ordinal))
                return null;
        }

        var first = at + 1;
        var end = first > lines.Length ? -1 : Array.FindIndex(lines, first, line => line.TrimEnd() == SignatureStart);
        if (end < 0 || OpenPgpArmor.Decode(lines, end + 1, SignatureEnd) is not { } signature)
            return null;
        var text = string.Join("\r\n", lines[first..end].Select(Canonical));
        return new ClearSignedText(Encoding.Latin1.GetBytes(text), signature);
    }

    /// <summary>The digits in a message of the old format; null in one of the current format.</summary>
    public string? LegacyDigits()
    {
        var text = Encoding.Latin1.GetString(Text);
        return text.StartsWith(LegacyStart, StringComparison.Ordinal) ? text[LegacyStart.Length..].TrimEnd() : null;
    }

    private static string Canonical(string line)
    {
        var text = line.StartsWith("- ", StringComparison.Ordinal) ? line[2..] : line;
        return text.TrimEnd(' ', '\t', '\r');
    }
}
