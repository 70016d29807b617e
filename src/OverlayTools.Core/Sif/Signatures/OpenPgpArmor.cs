using System.Text;

namespace OverlayTools.Sif.Signatures;

/// <summary>The text form of OpenPGP packets (RFC 9580, 6). Its checksum is passed over, as the standard says; the
/// cryptography sees every change.</summary>
internal static class OpenPgpArmor
{
    /// <summary>Decodes a block.</summary>
    /// <param name="lines">Lines of text.</param>
    /// <param name="at">The line after the block's first.</param>
    /// <param name="end">The block's last line.</param>
    /// <returns>Null when the block is damaged.</returns>
    public static byte[]? Decode(IReadOnlyList<string> lines, int at, string end)
    {
        while (at < lines.Count && lines[at].Contains(": ", StringComparison.Ordinal))
            at++;

        var text = new StringBuilder();
        for (; at < lines.Count; at++)
        {
            var line = lines[at].Trim();
            if (line == end)
                return Decode(text.ToString());
            if (!line.StartsWith('='))
                text.Append(line);
        }

        return null;
    }

    private static byte[]? Decode(string base64)
    {
        var bytes = new byte[base64.Length];
        return Convert.TryFromBase64String(base64, bytes, out var count) && count > 0 ? bytes[..count] : null;
    }
}
