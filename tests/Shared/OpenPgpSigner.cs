using System.Buffers.Binary;
using System.Text;

namespace OverlayTools.TestSupport;

/// <summary>
/// An OpenPGP key that gpg makes for the run, and signed SIF images with their signatures made anew with it. What is
/// signed stays what it was, so that only the signer differs.
/// </summary>
internal static class OpenPgpSigner
{
    public const string UserId = "Ana <ana@example.org>";

    private const int TableStart = 4096;
    private const int SlotSize = 585;
    private const int MostSlots = 48;
    private const int SignatureType = 0x4005;
    private const string SignatureBegins = "\n-----BEGIN PGP SIGNATURE-----";

    private static readonly Lazy<TemporaryDirectory> s_folder = new(Make);
    private static readonly Lazy<string> s_fingerprint = new(() => Gpg("--with-colons", "--list-keys").Split('\n')
        .First(line => line.StartsWith("fpr:", StringComparison.Ordinal)).Split(':')[9]);

    /// <summary>The key's fingerprint, in upper-case hexadecimal digits.</summary>
    public static string Fingerprint => s_fingerprint.Value;

    /// <summary>The public key in its armour.</summary>
    public static string PublicKey => Gpg("--armor", "--export");

    /// <summary>The bytes of an image whose clear-signed messages are signed by the key.</summary>
    public static byte[] SignAnew(byte[] image)
    {
        var end = image.Length;
        var anew = new byte[image.Length + 8192];
        image.CopyTo(anew, 0);
        for (var slot = TableStart; slot < TableStart + MostSlots * SlotSize; slot += SlotSize)
        {
            var descriptor = anew.AsSpan(slot, SlotSize);
            if (BinaryPrimitives.ReadInt32LittleEndian(descriptor) != SignatureType || descriptor[4] == 0)
                continue;
            var offset = (int)BinaryPrimitives.ReadInt64LittleEndian(descriptor[17..]);
            var size = (int)BinaryPrimitives.ReadInt64LittleEndian(descriptor[25..]);
            var text = ClearSign(MessageIn(Encoding.Latin1.GetString(anew, offset, size)));
            Assert.True(text.Length <= 4096, "a signature that does not fit before the next object");
            anew.AsSpan(offset, size).Clear();
            text.CopyTo(anew, offset);
            BinaryPrimitives.WriteInt64LittleEndian(descriptor[25..], text.Length);
            Convert.FromHexString(Fingerprint).CopyTo(descriptor[205..]);
            end = offset + size == image.Length ? offset + text.Length : end;
        }

        return anew[..end];
    }

    private static string MessageIn(string text)
    {
        var start = text.IndexOf("\n\n", StringComparison.Ordinal) + 2;
        return text[start..text.IndexOf(SignatureBegins, StringComparison.Ordinal)];
    }

    private static byte[] ClearSign(string message)
    {
        var name = s_folder.Value[Guid.NewGuid().ToString("N")];
        File.WriteAllText(name, message, Encoding.Latin1);
        Gpg("--digest-algo", "SHA256", "--output", name + ".asc", "--clearsign", name);
        return File.ReadAllBytes(name + ".asc");
    }

    private static TemporaryDirectory Make()
    {
        Machine.NeedTool("gpg");
        var folder = new TemporaryDirectory();
        Directory.CreateDirectory(folder["h"], UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        AppDomain.CurrentDomain.ProcessExit += (_, _) =>
        {
            Machine.Run("gpgconf", "--homedir", folder["h"], "--kill", "all");
            folder.Dispose();
        };
        Gpg(folder, "--quick-generate-key", UserId, "rsa2048", "sign", "never");
        return folder;
    }

    private static string Gpg(params string[] arguments) => Gpg(s_folder.Value, arguments);

    private static string Gpg(TemporaryDirectory folder, params string[] arguments)
    {
        var (exitCode, output, error) = Machine.Run("gpg",
            ["--homedir", folder["h"], "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "", .. arguments]);
        Assert.True(exitCode == 0, error);
        return output;
    }
}
