using OverlayTools.Sif;
using OverlayTools.Sif.Signatures;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Sif.Signatures;

/// <summary>Apptainer verifies what we sign, and we verify what it signs.</summary>
public sealed class ApptainerTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public static TheoryData<string> Kinds => [.. KeyRing.Kinds];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private string Image => _directory["image.sif"];

    public void Dispose() => _directory.Dispose();

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Apptainer_verifies_what_we_sign(string kind)
    {
        MakeImage();
        var pair = KeyRing.Generate(_directory, kind);
        var other = KeyRing.Generate(_directory, kind, "other");
        using var key = SifSigningKey.Load(pair.Private);
        SifSigning.Sign(Image, key, token: Token);

        Assert.Equal(0, Apptainer("verify", "--key", pair.Public, Image).ExitCode);
        Assert.NotEqual(0, Apptainer("verify", "--key", other.Public, Image).ExitCode);
        Flip(36864 + 100);
        Assert.NotEqual(0, Apptainer("verify", "--key", pair.Public, Image).ExitCode);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void We_verify_what_Apptainer_signs(string kind)
    {
        MakeImage();
        var pair = KeyRing.Generate(_directory, kind);
        var (exitCode, _, error) = Apptainer("sign", "--key", pair.Private, Image);
        Assert.True(exitCode == 0, error);

        var keys = KeyRing.Of(_directory, File.ReadAllText(pair.Public));
        var checks = Verify(keys);
        Assert.Equal(["1 2", "3"], checks.Select(c => string.Join(' ', c.CoveredIds)));
        Assert.All(checks, c => Assert.True(c.IsValid, c.Message));
        Flip(36864 + 100);
        Assert.Equal([SifSignatureReason.ObjectChanged, null], Verify(keys).Select(c => c.Reason));
    }

    [Fact]
    public void Apptainer_verifies_a_part_of_a_group_that_we_sign()
    {
        MakeImage();
        var pair = KeyRing.Generate(_directory, "ed25519");
        using var key = SifSigningKey.Load(pair.Private);
        SifSigning.Sign(Image, key, ids: [2], token: Token);

        Assert.Equal(0, Apptainer("verify", "--key", pair.Public, "--sif-id", "2", Image).ExitCode);
        Assert.NotEqual(0, Apptainer("verify", "--key", pair.Public, "--group-id", "1", Image).ExitCode);
    }

    [Fact]
    public void We_verify_what_Apptainer_signs_with_an_OpenPGP_key()
    {
        MakeImage();
        var made = Apptainer("key", "newpair", "-b", "2048", "-P", "", "-N", "Ana", "-E", "ana@example.org", "-C", "");
        Assert.True(made.ExitCode == 0, made.Error);
        var signed = Apptainer("sign", Image);
        Assert.True(signed.ExitCode == 0, signed.Error);

        var keys = new SifVerificationKeys();
        keys.AddKeyring(_directory["keys/pgp-public"]);
        var checks = Verify(keys);
        Assert.Equal(2, checks.Count);
        Assert.All(checks, c => Assert.Equal(SifSignatureFormat.OpenPgp, c.Format));
        Assert.All(checks, c => Assert.True(c.IsValid, c.Message));
        Assert.All(checks, c => Assert.Equal("Ana <ana@example.org>", Assert.Single(c.Signers).UserId));
        Flip(0);
        Assert.All(Verify(keys), c => Assert.Equal(SifSignatureReason.HeaderChanged, c.Reason));
        Assert.NotEqual(0, Apptainer("verify", "--local", Image).ExitCode);
    }

    [Theory]
    [InlineData("not signed", false, true)] // there is nothing to be wrong
    [InlineData("signed", true, true)]
    [InlineData("the other group is not signed", false, false)]
    [InlineData("an object came into a signed group", false, false)]
    [InlineData("an object of no group came", false, false)]
    [InlineData("a third group came", false, false)]
    [InlineData("a part of a group is signed", false, false)]
    [InlineData("signed, and damaged", false, false)]
    [InlineData("signed by another", false, false)]
    [InlineData("signed by another, too", false, false)]
    public void What_Apptainer_calls_invalid_of_a_signed_image_is_not_sound(string state, bool apptainer, bool ours)
    {
        Machine.NeedTool("siftool");
        MakeImage();
        var pair = KeyRing.Generate(_directory, "ed25519");
        var other = KeyRing.Generate(_directory, "ed25519", "other");
        using var key = SifSigningKey.Load(state == "signed by another" ? other.Private : pair.Private);
        File.WriteAllText(_directory["added"], "hello");
        switch (state)
        {
            case "not signed":
                break;
            case "the other group is not signed":
                SifSigning.Sign(Image, key, groups: [1], token: Token);
                break;
            case "a part of a group is signed":
                SifSigning.Sign(Image, key, ids: [2, 3], token: Token);
                break;
            default:
                SifSigning.Sign(Image, key, token: Token);
                break;
        }

        if (state == "signed by another, too")
        {
            using var second = SifSigningKey.Load(other.Private);
            SifSigning.Sign(Image, second, token: Token);
        }

        // What our own editor refuses, another does.
        if (state is "an object came into a signed group" or "an object of no group came" or "a third group came")
            Assert.Equal(0, Machine.Run("siftool", ["add", Image, _directory["added"], "--datatype", "7",
                .. state switch
                {
                    "an object came into a signed group" => new[] { "--groupid", "1" },
                    "a third group came" => ["--groupid", "3"],
                    _ => [],
                }]).ExitCode);
        if (state == "signed, and damaged")
            Flip(36864 + 100);

        var keys = KeyRing.Of(_directory, File.ReadAllText(pair.Public));
        Assert.Equal(ours, SifTester.Test(Image, keys, token: Token).All(finding => !finding.IsError));
        Assert.Equal(apptainer, Apptainer("verify", "--key", pair.Public, Image).ExitCode == 0);
        Assert.Equal(apptainer, SifTester.Test(Image, keys, new() { RequireSignature = true }, token: Token)
            .All(finding => !finding.IsError));
    }

    [Fact]
    public void Siftool_lists_our_signature()
    {
        Machine.NeedTool("siftool");
        MakeImage();
        using var key = SifSigningKey.Load(KeyRing.Generate(_directory, "ed25519").Private);
        SifSigning.Sign(Image, key, groups: [1], token: Token);

        var row = Machine.Run("siftool", "list", Image).Output.TrimEnd().Split('\n')[^1].Split('|')
            .Select(cell => cell.Trim());
        Assert.Equal("4 NONE 1   (G) Signature (SHA-256)",
            string.Join(' ', row.Where((_, column) => column != 3)));
    }

    private void MakeImage() => SifWriter.Create(Image,
        new SifCreateOptions { LaunchScript = SifCreateOptions.RunSingularity },
        [
            Samples.Partition(Samples.Face, SifPartitionType.Data),
            Samples.Primary(new byte[9000]),
            Samples.Partition(new byte[5000], SifPartitionType.Data, group: 2),
        ], token: Token);

    private void Flip(long at)
    {
        using var file = File.OpenHandle(Image, FileMode.Open, FileAccess.ReadWrite);
        var one = new byte[1];
        RandomAccess.Read(file, one, at);
        one[0] ^= 1;
        RandomAccess.Write(file, one, at);
    }

    private IReadOnlyList<SifSignatureCheck> Verify(SifVerificationKeys keys)
    {
        using var image = SifImage.Open(Image, Token);
        return SifVerifier.Verify(image, keys, token: Token).Signatures;
    }

    private (int ExitCode, string Output, string Error) Apptainer(params string[] arguments)
    {
        Machine.NeedTool("apptainer");
        return Machine.RunWith("apptainer", arguments, "", _directory.Path,
            ("HOME", _directory.Path), ("APPTAINER_KEYSDIR", _directory["keys"]),
            ("APPTAINER_CONFIGDIR", _directory["config"]));
    }
}
