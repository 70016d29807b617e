using OverlayTools.Sif.Signatures;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Sif.Signatures;

/// <summary>Keys for tests, made by openssl and gpg, and the reference images signed with them.</summary>
internal static class KeyRing
{
    public static SifVerificationKeys None => new();

    private static readonly Lazy<(byte[] Image, string PublicKey)> s_dsse = new(SignWithEd25519);

    /// <summary>The public key of <see cref="Signed"/> images with a DSSE envelope.</summary>
    public static string DsseKey => s_dsse.Value.PublicKey;

    /// <summary>The keys of all <see cref="Signed"/> images.</summary>
    public static SifVerificationKeys Ours(TemporaryDirectory directory) => Of(directory, DsseKey, OpenPgpSigner.PublicKey);

    /// <summary>A signed image of the reference implementation, with our signature instead.</summary>
    public static byte[] Signed(string name) =>
        name.EndsWith("-dsse", StringComparison.Ordinal) ? [.. s_dsse.Value.Image]
            : OpenPgpSigner.SignAnew(File.ReadAllBytes(Machine.NeedShared($"sif-images/{name}.sif")));

    public static SifVerificationKeys Of(TemporaryDirectory directory, params string[] texts)
    {
        var keys = new SifVerificationKeys();
        for (var i = 0; i < texts.Length; i++)
        {
            File.WriteAllText(directory[$"key{i}"], texts[i]);
            keys.AddFile(directory[$"key{i}"]);
        }

        return keys;
    }

    /// <summary>The arguments of <c>openssl genpkey</c> for a kind of key.</summary>
    public static string[] Kinds { get; } =
    [
        "ed25519", "rsa -pkeyopt rsa_keygen_bits:2048", "ec -pkeyopt ec_paramgen_curve:P-256",
        "ec -pkeyopt ec_paramgen_curve:P-384", "ec -pkeyopt ec_paramgen_curve:P-521",
    ];

    /// <summary>Makes a key pair.</summary>
    /// <returns>The files with the private and the public key.</returns>
    public static (string Private, string Public) Generate(TemporaryDirectory directory, string kind, string name = "k")
    {
        Machine.NeedTool("openssl");
        var pair = (Private: directory[name + ".pem"], Public: directory[name + ".pub"]);
        OpenSsl(["genpkey", "-algorithm", .. kind.Split(' '), "-out", pair.Private]);
        OpenSsl(["pkey", "-in", pair.Private, "-pubout", "-out", pair.Public]);
        return pair;
    }

    private static (byte[] Image, string PublicKey) SignWithEd25519()
    {
        using var directory = new TemporaryDirectory();
        File.Copy(Machine.NeedShared("sif-images/one-group.sif"), directory["a.sif"]);
        File.SetUnixFileMode(directory["a.sif"], UnixFileMode.UserRead | UnixFileMode.UserWrite);
        var pair = Generate(directory, "ed25519");
        using var key = SifSigningKey.Load(pair.Private);
        SifSigning.Sign(directory["a.sif"], key);
        return (File.ReadAllBytes(directory["a.sif"]), File.ReadAllText(pair.Public));
    }

    public static string OpenSsl(params string[] arguments)
    {
        var (exitCode, output, error) = Machine.Run("openssl", arguments);
        Assert.True(exitCode == 0, error);
        return output;
    }
}
