using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace OverlayTools.Sif.Signatures;

/// <summary>
/// The name that DSSE signatures give to a key: <c>SHA256:</c> and the hash of the public key as SSH transmits it
/// (RFC 4253, 6.6; RFC 5656, 3.1; RFC 8709, 4), as <c>ssh-keygen -l</c> shows it.
/// </summary>
internal static class SshKeyId
{
    public static string OfEd25519(byte[] publicKey)
    {
        var key = new MemoryStream();
        WriteText(key, "ssh-ed25519");
        WriteString(key, publicKey);
        return Name(key);
    }

    public static string Of(RSA rsa)
    {
        var parameters = rsa.ExportParameters(includePrivateParameters: false);
        var key = new MemoryStream();
        WriteText(key, "ssh-rsa");
        WriteInteger(key, parameters.Exponent!);
        WriteInteger(key, parameters.Modulus!);
        return Name(key);
    }

    public static string Of(ECDsa ecdsa, string curve)
    {
        var point = ecdsa.ExportParameters(includePrivateParameters: false).Q;
        var key = new MemoryStream();
        WriteText(key, $"ecdsa-sha2-{curve}");
        WriteText(key, curve);
        WriteString(key, [4, .. point.X!, .. point.Y!]); // 4: not compressed
        return Name(key);
    }

    private static string Name(MemoryStream key) =>
        "SHA256:" + Convert.ToBase64String(SHA256.HashData(key.ToArray())).TrimEnd('=');

    private static void WriteText(MemoryStream key, string text) => WriteString(key, Encoding.ASCII.GetBytes(text));

    private static void WriteString(MemoryStream key, ReadOnlySpan<byte> bytes)
    {
        Span<byte> length = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(length, bytes.Length);
        key.Write(length);
        key.Write(bytes);
    }

    // Signed, so that a positive number never starts with a bit that is set.
    private static void WriteInteger(MemoryStream key, ReadOnlySpan<byte> bytes)
    {
        bytes = bytes.TrimStart((byte)0);
        WriteString(key, bytes is [>= 0x80, ..] ? [0, .. bytes] : bytes);
    }
}
