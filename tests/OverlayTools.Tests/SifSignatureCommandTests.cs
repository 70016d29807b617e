using System.Management.Automation;
using System.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using OverlayTools.Sif;
using OverlayTools.Sif.Signatures;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests;

public sealed class SifSignatureCommandTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly ModuleSession _session;

    public SifSignatureCommandTests()
    {
        _session = new ModuleSession(_directory.Path);
        MakeImage("a.sif");
        // P-256 by .NET: these tests need no other program.
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        File.WriteAllText(_directory["key.pem"], key.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(_directory["key.pub"], key.ExportSubjectPublicKeyInfoPem());
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        File.WriteAllText(_directory["other.pub"], other.ExportSubjectPublicKeyInfoPem());
        File.WriteAllText(_directory["text"], "neither");
    }

    private ErrorRecord RunTerminating(string command, params object[] arguments)
    {
        _session.Run(command, arguments);
        return Assert.Single(_session.Errors);
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _session.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public void An_image_that_is_signed_verifies()
    {
        var added = _session.Run("Add-SifSignature a.sif key.pem -PassThru").Select(o => o.BaseObject)
            .Cast<SifDescriptorInfo>().ToList();
        Assert.Equal([3u, 4u], added.Select(a => a.Id));
        Assert.All(added, a => Assert.True(a.LinkedToGroup));
        Assert.Empty(_session.Errors);
        Assert.Empty(_session.Warnings);

        var found = Signatures("Get-SifSignature a.sif -KeyPath key.pub");
        Assert.Equal([1u, 2u], found.Select(f => f.GroupId!.Value));
        Assert.All(found, f => Assert.True(f.IsValid));
        Assert.All(found, f => Assert.Equal(SifSignatureFormat.Dsse, f.Format));
        Assert.All(found, f => Assert.Equal(_directory["key.pub"], Assert.Single(f.KeyPath)));
        Assert.All(found, f => Assert.StartsWith("SHA256:", Assert.Single(f.KeyId), StringComparison.Ordinal));
        Assert.All(found, f => Assert.NotNull(f.Created));
        Assert.True(IsSound("a.sif -Key key.pub -RequireSignature"));
    }

    [Fact]
    public void An_encrypted_key_opens_with_its_passphrase()
    {
        using (var key = ECDsa.Create(ECCurve.NamedCurves.nistP256))
        {
            File.WriteAllText(_directory["secret.pem"], key.ExportEncryptedPkcs8PrivateKeyPem("grün",
                new PbeParameters(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, 2048)));
            File.WriteAllText(_directory["secret.pub"], key.ExportSubjectPublicKeyInfoPem());
        }

        Fails("Add-SifSignature a.sif secret.pem", ErrorIds.KeyPassphraseRequired);
        Fails("Add-SifSignature a.sif secret.pem -Passphrase $args[0]", ErrorIds.KeyPassphraseWrong, Secret("grau"));
        Assert.Empty(_session.Run("Get-SifDescriptor a.sif -DataType Signature"));

        _session.Run("Add-SifSignature a.sif secret.pem -Passphrase $args[0]", Secret("grün"));
        Assert.Empty(_session.Errors);
        Assert.True(IsSound("a.sif -Key secret.pub -RequireSignature"));

        static SecureString Secret(string text)
        {
            var secret = new SecureString();
            foreach (var character in text)
                secret.AppendChar(character);
            return secret;
        }

        void Fails(string command, string id, params object[] arguments)
        {
            var error = RunTerminating(command, arguments);
            Assert.StartsWith(id + ",", error.FullyQualifiedErrorId, StringComparison.Ordinal);
            Assert.Equal(ErrorCategory.AuthenticationError, error.CategoryInfo.Category);
        }
    }

    [Fact]
    public void A_certificate_verifies_if_its_root_is_trusted()
    {
        using (var rootKey = ECDsa.Create(ECCurve.NamedCurves.nistP256))
        using (var leafKey = ECDsa.Create(ECCurve.NamedCurves.nistP256))
        {
            var request = new CertificateRequest("CN=root", rootKey, HashAlgorithmName.SHA256);
            request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
            using var root = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(2));
            var leafRequest = new CertificateRequest("CN=Ana", leafKey, HashAlgorithmName.SHA256);
            leafRequest.CertificateExtensions.Add(
                new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.3")], critical: false));
            using var leaf = leafRequest.Create(
                root, DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1), [1, 2, 3]);
            File.WriteAllText(_directory["root.crt"], root.ExportCertificatePem());
            File.WriteAllText(_directory["leaf.crt"], leaf.ExportCertificatePem());
            File.WriteAllText(_directory["leaf.pem"], leafKey.ExportPkcs8PrivateKeyPem());
        }

        _session.Run("Add-SifSignature a.sif leaf.pem");
        Assert.True(IsSound("a.sif -CertificatePath leaf.crt -CertificateRootsPath root.crt -RequireSignature"));
        Assert.Equal("CN=Ana", Assert.Single(Signatures(
            "Get-SifSignature a.sif -Id 3 -Certificate leaf.crt -CertificateRoots root.crt")).UserId);

        var refused = RunTerminating("Test-SifImage a.sif -CertificatePath leaf.crt");
        Assert.StartsWith(ErrorIds.CertificateNotTrusted, refused.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Equal(ErrorCategory.SecurityError, refused.CategoryInfo.Category);
        Assert.StartsWith(ErrorIds.OptionConflict, RunTerminating("Test-SifImage a.sif -CertificateRootsPath root.crt")
            .FullyQualifiedErrorId, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Get-SifSignature a.sif -Key key.pub -Id 4", "4")]
    [InlineData("Get-SifSignature a.sif 4, 3 -Key key.pub", "3 4")]
    [InlineData("Get-SifSignature a.sif -Key key.pub -GroupId 1", "3")]
    [InlineData("Get-SifSignature a.sif -Key key.pub -CoveredId 2", "4")]
    [InlineData("Get-SifSignature a.sif -Key key.pub -CoveredId 1, 2", "")]
    [InlineData("Get-SifDescriptor a.sif -DataType Signature | Get-SifSignature -Key key.pub", "3 4")]
    [InlineData("[IO.FileInfo]::new(\"$pwd/a.sif\") | Get-SifSignature -Key other.pub, key.pub", "3 4")]
    [InlineData("Get-SifSignature -LiteralPath a.sif -Key key.pub", "3 4")]
    public void Signatures_are_chosen(string command, string ids)
    {
        _session.Run("Add-SifSignature a.sif key.pem");
        var found = Signatures(command);

        Assert.Equal(ids, string.Join(' ', found.Select(f => f.Id)));
        Assert.All(found, f => Assert.True(f.IsValid, f.Message));
        Assert.Empty(_session.Errors);
    }

    [Fact]
    public void What_was_changed_has_its_reason()
    {
        _session.Run("Add-SifSignature a.sif key.pem");
        Change("a.sif", 32768);
        var found = Signatures("Get-SifSignature a.sif -Key key.pub");

        Assert.Equal([SifSignatureReason.ObjectChanged, null], found.Select(f => f.Reason));
        Assert.False(found[0].IsIntact);
        Assert.Equal("The data of object 1 was changed.", found[0].Message);
        Assert.False(IsSound("a.sif -Key key.pub"));
        Assert.Contains("SignatureInvalid (ObjectChanged), object 3: The data of object 1 was changed.",
            Assert.Single(_session.Warnings), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", null)]
    [InlineData("-RequireSignature", "NotSigned")]
    public void An_image_without_a_signature_is_sound_unless_one_is_demanded(string arguments, string? warning)
    {
        Assert.Equal(warning is null, IsSound($"a.sif -Key key.pub {arguments}"));
        Assert.Equal(warning is null ? 0 : 1, _session.Warnings.Count);
        Assert.All(_session.Warnings, w => Assert.Contains(warning!, w, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("-Key other.pub", "KeyNotFound")]
    [InlineData("-Key other.pub -RequireSignature", "KeyNotFound")]
    public void A_signature_by_somebody_else_is_not_valid(string arguments, string warning)
    {
        _session.Run("Add-SifSignature a.sif key.pem");
        Assert.False(IsSound($"a.sif {arguments}"));
        Assert.All(_session.Warnings, w => Assert.Contains(warning, w, StringComparison.Ordinal));
        Assert.Equal(2, _session.Warnings.Count);
    }

    [Fact]
    public void A_signed_image_with_a_group_without_a_signature_is_not_sound()
    {
        _session.Run("Add-SifSignature a.sif key.pem -GroupId 1");

        foreach (var more in new[] { "", " -RequireSignature" })
        {
            Assert.False(IsSound("a.sif -Key key.pub" + more));
            Assert.Contains("GroupNotSigned: Group 2", Assert.Single(_session.Warnings), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Findings_are_objects_too()
    {
        var findings = _session.Run(
            "$null = Test-SifImage a.sif -RequireSignature -WarningAction Ignore -InformationVariable i; $i.MessageData");

        var finding = Assert.IsType<SifFinding>(Assert.Single(findings).BaseObject);
        Assert.Equal(SifFindingId.NotSigned, finding.Id);
    }

    [Theory]
    [InlineData(4096 + 32, 0xFF, "ObjectFault, object 1: Size (offset 4121)")]
    [InlineData(4096 + 585 + 18, 0x00, "ObjectFault, object 2: Offset (offset 4698) is 0")]
    [InlineData(4096 + 585 + 5, 1, "LayoutFault: 2 objects have the id 1")]
    [InlineData(90, 0x10, "HeaderFault")]
    public void Damage_is_a_warning_and_not_an_error(int at, byte value, string warning)
    {
        var bytes = File.ReadAllBytes(_directory["a.sif"]);
        bytes.AsSpan(at, value == 0 ? 2 : 1).Fill(value);
        File.WriteAllBytes(_directory["a.sif"], bytes);

        Assert.False(IsSound("a.sif"));
        Assert.Empty(_session.Errors);
        Assert.Contains(_session.Warnings, w => w.Contains(warning, StringComparison.Ordinal));
    }

    [Fact]
    public void What_is_merely_stale_shows_when_asked()
    {
        var bytes = File.ReadAllBytes(_directory["a.sif"]);
        bytes[80] = 1;
        File.WriteAllBytes(_directory["a.sif"], bytes);

        Assert.True(IsSound("a.sif -Verbose"));
        Assert.Contains(_session.Verbose, v => v.Contains("HeaderStale: DescriptorsFree is 1", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("Get-SifSignature a.sif -Key none.pub", ErrorIds.OverlayFileNotFound, ErrorCategory.ObjectNotFound)]
    [InlineData("Get-SifSignature a.sif -Key text", ErrorIds.KeyInvalid, ErrorCategory.InvalidData)]
    [InlineData("Get-SifSignature a.sif -Key key.pem", ErrorIds.KeyInvalid, ErrorCategory.InvalidData)]
    [InlineData("Get-SifSignature a.sif -KeyringPath key.pub", ErrorIds.KeyInvalid, ErrorCategory.InvalidData)]
    [InlineData("Test-SifImage a.sif -Key text", ErrorIds.KeyInvalid, ErrorCategory.InvalidData)]
    [InlineData("Add-SifSignature a.sif key.pub", ErrorIds.KeyInvalid, ErrorCategory.InvalidData)]
    [InlineData("Add-SifSignature a.sif none.pem", ErrorIds.OverlayFileNotFound, ErrorCategory.ObjectNotFound)]
    public void A_key_that_cannot_be_used_ends_the_command(string command, string id, ErrorCategory category)
    {
        var before = SHA256.HashData(File.ReadAllBytes(_directory["a.sif"]));
        Assert.Empty(_session.Run(command));

        ErrorAssert.Single(_session, id, category);
        Assert.Equal(before, SHA256.HashData(File.ReadAllBytes(_directory["a.sif"])));
    }

    [Theory]
    [InlineData("Get-SifSignature text -Key key.pub", ErrorIds.SifBadMagic, ErrorCategory.InvalidData)]
    [InlineData("Get-SifSignature none.sif -Key key.pub", ErrorIds.OverlayFileNotFound, ErrorCategory.ObjectNotFound)]
    [InlineData("Get-SifSignature a.sif 1 -Key key.pub", ErrorIds.SifDescriptorNotFound, ErrorCategory.ObjectNotFound)]
    [InlineData("Test-SifImage text", ErrorIds.SifBadMagic, ErrorCategory.InvalidData)]
    [InlineData("Test-SifImage none.sif", ErrorIds.OverlayFileNotFound, ErrorCategory.ObjectNotFound)]
    [InlineData("Add-SifSignature text key.pem", ErrorIds.SifBadMagic, ErrorCategory.InvalidData)]
    [InlineData("Add-SifSignature a.sif key.pem -GroupId 7", ErrorIds.SifDescriptorNotFound,
        ErrorCategory.ObjectNotFound)]
    [InlineData("Add-SifSignature a.sif key.pem -Id 7", ErrorIds.SifDescriptorNotFound, ErrorCategory.ObjectNotFound)]
    [InlineData("Add-SifSignature empty.sif key.pem", ErrorIds.SifInvalidValue, ErrorCategory.InvalidArgument)]
    [InlineData("Add-SifSignature full.sif key.pem", ErrorIds.SifNoFreeDescriptor, ErrorCategory.LimitsExceeded)]
    public void A_failure_has_its_id_its_category_and_what_to_do(string command, string id, ErrorCategory category)
    {
        SifWriter.Create(_directory["empty.sif"], new SifCreateOptions(), [], token: Token);
        MakeImage("full.sif", capacity: 2);
        _session.Run(command);

        ErrorAssert.Single(_session, id, category);
    }

    [Fact]
    public void WhatIf_changes_nothing()
    {
        var before = SHA256.HashData(File.ReadAllBytes(_directory["a.sif"]));
        Assert.Empty(_session.Run("Add-SifSignature a.sif key.pem -PassThru -WhatIf"));
        Assert.Equal(before, SHA256.HashData(File.ReadAllBytes(_directory["a.sif"])));
    }

    [Fact]
    public void Signing_a_writable_overlay_is_warned_of()
    {
        MakeImage("o.sif", type: SifPartitionType.Overlay);
        _session.Run("Add-SifSignature o.sif key.pem");
        Assert.Contains("Object 2 of", Assert.Single(_session.Warnings), StringComparison.Ordinal);
        _session.Run("Add-SifSignature o.sif key.pem -GroupId 1");
        Assert.Empty(_session.Warnings);
    }

    [Fact]
    public void Ids_and_groups_are_completed()
    {
        _session.Run("Add-SifSignature a.sif key.pem");

        Assert.Equal(["3", "4"], _session.Complete("Get-SifSignature a.sif -Id ").Select(o => o.CompletionText));
        var groups = _session.Complete("Add-SifSignature a.sif -GroupId ");
        Assert.Equal(["1", "2"], groups.Select(o => o.CompletionText));
        Assert.Equal("2 FS (Ext3/Data/amd64)", groups[1].ToolTip);
        Assert.Equal(["1", "2", "3", "4"],
            _session.Complete("Add-SifSignature a.sif -Id ").Select(o => o.CompletionText));
    }

    [Fact]
    public void Without_keys_those_of_Apptainer_are_used()
    {
        var image = SignedAnew("one-group-signed-pgp");
        File.WriteAllText(_directory["pgp-public"], OpenPgpSigner.PublicKey);
        var found = Signatures("""
            $before = $env:APPTAINER_KEYSDIR
            try { $env:APPTAINER_KEYSDIR = "$pwd"; Get-SifSignature $args[0] } finally { $env:APPTAINER_KEYSDIR = $before }
            """, image);

        var signature = Assert.Single(found);
        Assert.True(signature.IsValid, signature.Message);
        Assert.Equal(OpenPgpSigner.UserId, signature.UserId);
        Assert.Equal(OpenPgpSigner.Fingerprint, Assert.Single(signature.KeyId));
        Assert.True(Assert.Single(Signatures("Get-SifSignature $args[0] -KeyringPath pgp-public", image)).IsValid);
    }

    [Fact]
    public void The_old_format_counts_only_where_it_is_allowed()
    {
        File.Move(SignedAnew("one-group-signed-legacy-all"), _directory["old.sif"]);
        File.WriteAllText(_directory["pgp"], OpenPgpSigner.PublicKey);

        Assert.False(IsSound("old.sif -Key pgp"));
        Assert.False(IsSound("old.sif -Key pgp -RequireSignature"));
        Assert.True(IsSound("old.sif -Key pgp -AllowLegacy"));
        Assert.True(IsSound("old.sif -Key pgp -RequireSignature -AllowLegacy"));
        File.Move(SignedAnew("one-group-signed-legacy"), _directory["part.sif"]);
        // Of the root file system alone, as `apptainer verify --legacy-insecure`.
        Assert.True(IsSound("part.sif -Key pgp -AllowLegacy"));
        Assert.Contains("GroupNotSigned", Assert.Single(_session.Warnings), StringComparison.Ordinal);
        Assert.False(IsSound("part.sif -Key pgp -RequireSignature -AllowLegacy"));
    }

    private List<SifSignatureInfo> Signatures(string script, params object[] arguments) =>
        [.. _session.Run(script, arguments).Select(o => o.BaseObject).Cast<SifSignatureInfo>()];

    private string SignedAnew(string name)
    {
        var path = _directory["signed.sif"];
        File.WriteAllBytes(path, OpenPgpSigner.SignAnew(File.ReadAllBytes(Machine.NeedShared($"sif-images/{name}.sif"))));
        return path;
    }

    private bool IsSound(string arguments) =>
        Assert.IsType<bool>(Assert.Single(_session.Run($"Test-SifImage {arguments}")).BaseObject);

    private void Change(string name, int at)
    {
        var bytes = File.ReadAllBytes(_directory[name]);
        bytes[at] ^= 1;
        File.WriteAllBytes(_directory[name], bytes);
    }

    private void MakeImage(string name, long capacity = 48, SifPartitionType type = SifPartitionType.Data) =>
        SifWriter.Create(_directory[name], new SifCreateOptions { Capacity = capacity },
        [
            Partition(SifFileSystem.Squashfs, SifPartitionType.PrimarySystem, 1),
            Partition(SifFileSystem.Ext3, type, 2),
        ], token: Token);

    private static SifNewObject Partition(SifFileSystem fileSystem, SifPartitionType type, uint group) => new()
    {
        DataType = SifDataType.Partition,
        Content = SifContent.FromBytes(new byte[4096]),
        GroupId = group,
        Metadata = new SifPartitionMetadata(fileSystem, type, SifArchitecture.Amd64),
        Alignment = 4096,
    };
}
