using System.Security.Cryptography;
using OverlayTools.IO;
using OverlayTools.Sif;
using OverlayTools.Sif.Signatures;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Sif.Signatures;

public sealed class SigningTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public static TheoryData<string> Kinds => [.. KeyRing.Kinds];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private string Image => _directory["image.sif"];

    public void Dispose() => _directory.Dispose();

    [Theory]
    [MemberData(nameof(Kinds))]
    public void What_is_signed_verifies_with_the_public_key_and_no_other(string kind)
    {
        MakeImage();
        var pair = KeyRing.Generate(_directory, kind);
        var other = KeyRing.Generate(_directory, kind, "other");
        using var key = SifSigningKey.Load(pair.Private);
        var signed = SifSigning.Sign(Image, key, token: Token);

        Assert.Equal([4u, 5u], signed.Signatures.Select(s => s.Id));
        var checks = Verify(File.ReadAllText(pair.Public)).Signatures;
        Assert.Equal([1u, 2u], checks.Select(c => c.GroupId!.Value));
        Assert.All(checks, c => Assert.True(c.IsValid, c.Message));
        Assert.All(checks, c => Assert.Equal(key.KeyId, Assert.Single(c.Signers).KeyId));
        Assert.All(Verify(File.ReadAllText(other.Public)).Signatures,
            c => Assert.Equal(SifSignatureReason.KeyNotFound, c.Reason));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void The_id_of_a_key_is_the_one_that_ssh_keygen_shows(string kind)
    {
        Machine.NeedTool("ssh-keygen");
        var pair = KeyRing.Generate(_directory, kind);
        using var key = SifSigningKey.Load(pair.Private);
        var line = kind == "ed25519" ? Ed25519Line(pair.Public) : ConvertedLine(pair.Public);
        File.WriteAllText(_directory["ssh"], line);

        Assert.Contains(key.KeyId, Machine.Run("ssh-keygen", "-l", "-f", _directory["ssh"]).Output,
            StringComparison.Ordinal);

        static string ConvertedLine(string path)
        {
            var (exitCode, line, error) = Machine.Run("ssh-keygen", "-i", "-m", "PKCS8", "-f", path);
            Assert.True(exitCode == 0, error);
            return line;
        }
    }

    [Theory]
    [InlineData("rsa -traditional")]
    [InlineData("ec")]
    public void The_older_forms_of_private_keys_are_read(string form)
    {
        var pair = KeyRing.Generate(_directory, form.StartsWith("rsa", StringComparison.Ordinal) ? KeyRing.Kinds[1]
            : KeyRing.Kinds[2]);
        var older = _directory["older.pem"];
        KeyRing.OpenSsl([.. form.Split(' '), "-in", pair.Private, "-out", older]);
        Assert.DoesNotContain("BEGIN PRIVATE KEY", File.ReadAllText(older), StringComparison.Ordinal);
        using var expected = SifSigningKey.Load(pair.Private);
        using var key = SifSigningKey.Load(older);

        Assert.Equal(expected.KeyId, key.KeyId);
    }

    [Fact]
    public void A_part_of_a_group_can_be_signed_and_then_covers_that_part()
    {
        MakeImage();
        var pair = KeyRing.Generate(_directory, "ed25519");
        using var key = SifSigningKey.Load(pair.Private);
        SifSigning.Sign(Image, key, ids: [2], token: Token);

        var check = Assert.Single(Verify(File.ReadAllText(pair.Public)).Signatures);
        Assert.Equal(SifSignatureReason.ObjectNotSigned, check.Reason);
        Assert.Equal([2u], check.CoveredIds);
        check = Assert.Single(Verify(File.ReadAllText(pair.Public), new() { CoveredIds = [2] }).Signatures);
        Assert.True(check.IsValid, check.Message);
        Assert.Empty(Verify(File.ReadAllText(pair.Public), new() { CoveredIds = [1] }).Signatures);
    }

    [Fact]
    public void Groups_without_a_signature_are_named()
    {
        MakeImage();
        var pair = KeyRing.Generate(_directory, "ed25519");
        using var key = SifSigningKey.Load(pair.Private);
        Assert.Empty(Verify(File.ReadAllText(pair.Public)).UnsignedGroups);
        SifSigning.Sign(Image, key, groups: [2], token: Token);

        Assert.Equal([1u], Verify(File.ReadAllText(pair.Public)).UnsignedGroups);
        var only = Verify(File.ReadAllText(pair.Public), new() { GroupIds = [1] });
        Assert.Empty(only.Signatures);
        Assert.Equal([1u], only.UnsignedGroups);
        Assert.Empty(Verify(File.ReadAllText(pair.Public), new() { GroupIds = [2] }).UnsignedGroups);
    }

    [Theory]
    [InlineData(9, null, ErrorIds.SifDescriptorNotFound)]
    [InlineData(null, 9, ErrorIds.SifDescriptorNotFound)]
    [InlineData(1, 3, ErrorIds.SifDescriptorNotFound)]
    public void What_is_not_there_cannot_be_signed(int? group, int? id, string error)
    {
        MakeImage();
        var before = SHA256.HashData(File.ReadAllBytes(Image));
        using var key = SifSigningKey.Load(KeyRing.Generate(_directory, "ed25519").Private);
        var failure = Assert.Throws<EngineException>(() => SifSigning.Sign(Image, key,
            group is null ? null : [(uint)group], id is null ? null : [(uint)id], token: Token));

        Assert.Equal(error, failure.ErrorId);
        Assert.Equal(before, SHA256.HashData(File.ReadAllBytes(Image)));
    }

    [Theory]
    [InlineData(4, ErrorIds.SifNoFreeDescriptor)]
    [InlineData(5, null)]
    public void Without_room_for_all_signatures_none_is_written(int capacity, string? error)
    {
        MakeImage(capacity);
        var before = SHA256.HashData(File.ReadAllBytes(Image));
        using var key = SifSigningKey.Load(KeyRing.Generate(_directory, "ed25519").Private);
        var failure = Record.Exception(() => SifSigning.Sign(Image, key, token: Token)) as EngineException;

        Assert.Equal(error, failure?.ErrorId);
        Assert.Equal(error is null, !before.SequenceEqual(SHA256.HashData(File.ReadAllBytes(Image))));
    }

    [Fact]
    public void Stopping_leaves_the_image_as_it_was()
    {
        MakeImage();
        var before = SHA256.HashData(File.ReadAllBytes(Image));
        using var key = SifSigningKey.Load(KeyRing.Generate(_directory, "ed25519").Private);
        using var stop = new CancellationTokenSource();
        var progress = new StoppingProgress(stop);

        Assert.ThrowsAny<OperationCanceledException>(() =>
            SifSigning.Sign(Image, key, progress: progress, token: stop.Token));
        Assert.Equal(before, SHA256.HashData(File.ReadAllBytes(Image)));
    }

    [Theory]
    [InlineData("nothing", "no private key")]
    [InlineData("public", "no private key")]
    [InlineData("encrypted", "encrypted")]
    [InlineData("x25519", "not for signing")]
    [InlineData("secp256k1", "P-256")]
    [InlineData("damaged", "cannot be used")]
    public void A_file_without_a_key_that_can_sign_is_refused(string what, string message)
    {
        var pair = KeyRing.Generate(_directory, what switch
        {
            "x25519" => "x25519",
            "secp256k1" => "ec -pkeyopt ec_paramgen_curve:secp256k1",
            _ => "ed25519",
        });
        switch (what)
        {
            case "nothing":
                File.WriteAllText(pair.Private, "hello");
                break;
            case "public":
                File.Copy(pair.Public, pair.Private, overwrite: true);
                break;
            case "encrypted":
                KeyRing.OpenSsl("pkey", "-in", pair.Private, "-aes256", "-passout", "pass:x", "-out", pair.Public);
                File.Copy(pair.Public, pair.Private, overwrite: true);
                break;
            case "damaged":
                File.WriteAllText(pair.Private, "-----BEGIN PRIVATE KEY-----\nMAAA\n-----END PRIVATE KEY-----\n");
                break;
        }

        var failure = Assert.Throws<EngineException>(() => SifSigningKey.Load(pair.Private));
        Assert.Equal(what == "encrypted" ? ErrorIds.KeyPassphraseRequired : ErrorIds.KeyInvalid, failure.ErrorId);
        Assert.Contains(message, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Holes_are_hashed_as_zeros_and_not_read()
    {
        const long size = 1L << 27;
        File.WriteAllBytes(_directory["zeros"], [1]);
        using (var file = File.OpenHandle(_directory["zeros"], FileMode.Open, FileAccess.Write))
            RandomAccess.SetLength(file, size);
        using (var content = SifContent.FromFile(_directory["zeros"]))
        {
            SifWriter.Create(Image, new SifCreateOptions(), [new SifNewObject
            {
                DataType = SifDataType.Generic,
                Content = content,
            }], token: Token);
        }

        using var handle = File.OpenHandle(Image);
        var counted = new CountingWindow(new FileWindow(handle));
        using var image = SifImage.Open(counted, Image, Token);
        var before = counted.BytesRead;
        var digest = new ObjectHasher(null, Token).Sha256(image.Objects[0]);

        Assert.InRange(counted.BytesRead - before, 1, 8 << 20);
        using var all = File.OpenRead(_directory["zeros"]);
        Assert.Equal(SHA256.HashData(all), digest.Value);
    }

    private void MakeImage(long capacity = 48) => SifWriter.Create(Image, new SifCreateOptions { Capacity = capacity },
        [
            Samples.Generic(Samples.Face),
            Samples.Primary(new byte[9000]),
            Samples.Partition(new byte[5000], SifPartitionType.Data, group: 2),
        ], token: Token);

    private SifVerification Verify(string publicKey, SifVerificationOptions? options = null)
    {
        using var image = SifImage.Open(Image, Token);
        return SifVerifier.Verify(image, KeyRing.Of(_directory, publicKey), options, token: Token);
    }

    private sealed class StoppingProgress(CancellationTokenSource stop) : IProgress<EngineProgress>
    {
        public void Report(EngineProgress value) => stop.Cancel();
    }

    private sealed class CountingWindow(Window inner) : Window
    {
        public long BytesRead { get; private set; }

        public override long Length => inner.Length;

        public override long NextData(long position) => inner.NextData(position);

        public override void Flush() => throw new NotSupportedException();

        public override void Clear(long position, long count) => throw new NotSupportedException();

        public override void SetLength(long length) => throw new NotSupportedException();

        protected override void ReadCore(long position, Span<byte> buffer)
        {
            BytesRead += buffer.Length;
            inner.Read(position, buffer);
        }

        protected override void WriteCore(long position, ReadOnlySpan<byte> bytes) => throw new NotSupportedException();
    }

    // ssh-keygen imports no Ed25519 key from PKCS#8, but takes the line of OpenSSH: two strings with their lengths
    // (RFC 8709, 4). The key is the last 32 bytes of its DER form (RFC 8410, 4).
    private string Ed25519Line(string path)
    {
        var der = _directory["key.der"];
        KeyRing.OpenSsl("pkey", "-pubin", "-in", path, "-outform", "DER", "-out", der);
        byte[] line = [0, 0, 0, 11, .. "ssh-ed25519"u8, 0, 0, 0, 32, .. File.ReadAllBytes(der)[^32..]];
        return $"ssh-ed25519 {Convert.ToBase64String(line)}\n";
    }
}
