using OverlayTools.Sif.Signatures;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Sif.Signatures;

/// <summary>Keys for tests: those of the reference images, and new ones that openssl makes.</summary>
internal static class KeyRing
{
    public static SifVerificationKeys None => new();

    public static SifVerificationKeys Reference(TemporaryDirectory directory) => Of(directory,
        ReferenceKeys.Ed25519, ReferenceKeys.Rsa, ReferenceKeys.OpenPgp);

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

    public static string OpenSsl(params string[] arguments)
    {
        var (exitCode, output, error) = Machine.Run("openssl", arguments);
        Assert.True(exitCode == 0, error);
        return output;
    }
}
