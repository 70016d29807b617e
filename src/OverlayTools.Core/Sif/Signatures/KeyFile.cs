using System.Security.Cryptography;

namespace OverlayTools.Sif.Signatures;

/// <summary>Reading files with keys.</summary>
internal static class KeyFile
{
    /// <summary>All bytes of a file.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.KeyInvalid"/>: no key file is that large, or a
    /// directory.</exception>
    public static byte[] Read(string path, int largest)
    {
        using var file = SifContent.OpenSource(path);
        var length = RandomAccess.GetLength(file);
        if (length > largest)
            throw Invalid(path, $"is larger than {ByteSize.Format(largest)}", "Name a file with keys.");
        var bytes = new byte[length];
        new IO.FileWindow(file).Read(0, bytes);
        return bytes;
    }

    /// <summary>The blocks of a PEM file (RFC 7468): label and content.</summary>
    public static IEnumerable<(string Label, byte[] Content)> PemBlocks(string text)
    {
        for (var at = 0; PemEncoding.TryFind(text.AsSpan(at), out var fields); at += fields.Location.End.Value)
        {
            var content = new byte[fields.DecodedDataLength];
            if (Convert.TryFromBase64String(text[at..][fields.Base64Data], content, out _))
                yield return (text[at..][fields.Label], content);
        }
    }

    public static EngineException Invalid(string path, string what, string action) =>
        new(ErrorIds.KeyInvalid, $"'{path}' {what}.", action, path);
}
