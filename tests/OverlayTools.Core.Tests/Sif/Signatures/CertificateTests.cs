using OverlayTools.Sif;
using OverlayTools.Sif.Signatures;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Sif.Signatures;

/// <summary>Keys that are trusted because a certificate says so: our verdict, and Apptainer's.</summary>
public sealed class CertificateTests : IDisposable
{
    private const string SignsCode = "extendedKeyUsage=codeSigning";

    private readonly TemporaryDirectory _directory = new();

    public static TheoryData<string> Kinds => [.. KeyRing.Kinds[..3]];

    private string Image => _directory["image.sif"];

    public void Dispose() => _directory.Dispose();

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_certificate_that_leads_to_a_trusted_root_verifies(string kind)
    {
        MakeChain(kind, SignsCode);

        var checks = Verify(_directory["leaf.crt"], _directory["middle.crt"], _directory["root.crt"]);

        var check = Assert.Single(checks);
        Assert.True(check.IsValid, check.Message);
        var signer = Assert.Single(check.Signers);
        Assert.Contains("CN=leaf", signer.UserId, StringComparison.Ordinal);
        Assert.Equal(_directory["leaf.crt"], signer.KeyPath);
        Assert.True(Apptainer(_directory["leaf.crt"], _directory["middle.crt"], _directory["root.crt"]));
    }

    [Fact]
    public void The_chain_may_be_in_the_certificates_own_file()
    {
        MakeChain("ed25519", SignsCode);
        File.WriteAllText(_directory["chain.crt"],
            File.ReadAllText(_directory["leaf.crt"]) + File.ReadAllText(_directory["middle.crt"]));

        Assert.True(Assert.Single(Verify(_directory["chain.crt"], null, _directory["root.crt"])).IsValid);
    }

    [Fact]
    public void A_certificate_may_be_its_own_root()
    {
        MakeChain("ed25519", SignsCode);
        SifSigningOf("root");

        Assert.True(Assert.Single(Verify(_directory["root.crt"], null, _directory["root.crt"])).IsValid);
        Assert.True(Apptainer(_directory["root.crt"], null, _directory["root.crt"]));
    }

    [Fact]
    public void Another_certificate_of_the_same_root_did_not_sign()
    {
        MakeChain("ed25519", SignsCode);
        Make("other", "ed25519", "middle", "CA:FALSE", SignsCode);

        Assert.Equal(SifSignatureReason.KeyNotFound,
            Assert.Single(Verify(_directory["other.crt"], _directory["middle.crt"], _directory["root.crt"])).Reason);
        Assert.False(Apptainer(_directory["other.crt"], _directory["middle.crt"], _directory["root.crt"]));
    }

    [Theory]
    [InlineData("system roots")]
    [InlineData("another root")]
    [InlineData("no intermediate")]
    [InlineData("for mail")]
    [InlineData("out of date")]
    [InlineData("issued by one that may not")]
    public void A_certificate_that_is_not_trusted_is_refused(string fault)
    {
        MakeChain("ed25519", fault == "for mail" ? "extendedKeyUsage=emailProtection" : SignsCode,
            days: fault == "out of date" ? "-1" : "2", middle: fault == "issued by one that may not" ? "CA:FALSE" : "CA:TRUE");
        Make("stranger", "ed25519", null, "CA:TRUE", null);
        var intermediates = fault == "no intermediate" ? null : _directory["middle.crt"];
        var roots = fault switch
        {
            "system roots" => null,
            "another root" => _directory["stranger.crt"],
            _ => _directory["root.crt"],
        };

        var failure = Assert.Throws<EngineException>(() => Verify(_directory["leaf.crt"], intermediates, roots));

        Assert.Equal(ErrorIds.CertificateNotTrusted, failure.ErrorId);
        Assert.Contains("CN=leaf", failure.Message, StringComparison.Ordinal);
        Assert.False(Apptainer(_directory["leaf.crt"], intermediates, roots));
    }

    [Fact]
    public void What_is_no_certificate_is_said_to_be_none()
    {
        var pair = KeyRing.Generate(_directory, "ed25519");
        File.WriteAllText(_directory["damaged"], "-----BEGIN CERTIFICATE-----\nMAAA\n-----END CERTIFICATE-----\n");
        foreach (var path in new[] { pair.Public, _directory["damaged"] })
            Assert.Equal(ErrorIds.KeyInvalid,
                Assert.Throws<EngineException>(() => new SifVerificationKeys().AddCertificate(path)).ErrorId);

        MakeChain("ed25519", SignsCode);
        var failure = Assert.Throws<EngineException>(() => new SifVerificationKeys().AddFile(_directory["leaf.crt"]));
        Assert.Contains("-CertificatePath", failure.RecommendedAction, StringComparison.Ordinal);
    }

    private void MakeChain(string kind, string usage, string days = "2", string middle = "CA:TRUE")
    {
        Make("root", "ed25519", null, "CA:TRUE", null);
        Make("middle", "ed25519", "root", middle, null);
        Make("leaf", kind, "middle", "CA:FALSE", usage, days);
        SifSigningOf("leaf");
    }

    private void SifSigningOf(string name)
    {
        SifWriter.Create(Image, new SifCreateOptions(), [Samples.Primary(new byte[9000])], force: true,
            token: TestContext.Current.CancellationToken);
        using var key = SifSigningKey.Load(_directory[name + ".pem"]);
        SifSigning.Sign(Image, key, token: TestContext.Current.CancellationToken);
    }

    private void Make(string name, string kind, string? issuer, string constraint, string? usage, string days = "2")
    {
        KeyRing.Generate(_directory, kind, name);
        File.WriteAllText(_directory[name + ".ext"], $"basicConstraints=critical,{constraint}\n{usage}\n");
        KeyRing.OpenSsl("req", "-new", "-key", _directory[name + ".pem"], "-subj", $"/CN={name}", "-out", _directory[name + ".csr"]);
        string[] by = issuer is null
            ? ["-signkey", _directory[name + ".pem"]]
            : ["-CA", _directory[issuer + ".crt"], "-CAkey", _directory[issuer + ".pem"], "-CAcreateserial"];
        KeyRing.OpenSsl(["x509", "-req", "-in", _directory[name + ".csr"], "-days", days, "-extfile", _directory[name + ".ext"],
            .. by, "-out", _directory[name + ".crt"]]);
    }

    private IReadOnlyList<SifSignatureCheck> Verify(string certificate, string? intermediates, string? roots)
    {
        var keys = new SifVerificationKeys();
        keys.AddCertificate(certificate, intermediates, roots);
        using var image = SifImage.Open(Image, TestContext.Current.CancellationToken);
        return SifVerifier.Verify(image, keys, token: TestContext.Current.CancellationToken).Signatures;
    }

    // Its verdict where it is installed; ours stands without it.
    private bool Apptainer(string certificate, string? intermediates, string? roots)
    {
        if (Machine.FindTool("apptainer") is null)
            Assert.Skip("needs apptainer for the second opinion");
        List<string> arguments = ["verify", "--certificate", certificate];
        if (intermediates is not null)
            arguments.AddRange(["--certificate-intermediates", intermediates]);
        if (roots is not null)
            arguments.AddRange(["--certificate-roots", roots]);
        return Machine.RunWith("apptainer", [.. arguments, Image], "", _directory.Path, ("HOME", _directory.Path)).ExitCode == 0;
    }
}
