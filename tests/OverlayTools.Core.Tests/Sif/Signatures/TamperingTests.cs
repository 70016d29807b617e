using System.Buffers.Binary;
using System.Text;
using OverlayTools.Sif;
using OverlayTools.Sif.Signatures;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Sif.Signatures;

/// <summary>One change each in signed images of the shape of the reference implementation's: what the signature covers is noticed, by
/// its own word, and what it does not cover is not (SIF specification, 4.7 and 9.3).</summary>
public sealed class TamperingTests : IDisposable
{
    private const int SignatureSlot = 2;
    private const int SignatureStart = 40960;

    private static readonly Dictionary<string, (Action<byte[]> Change, SifSignatureReason? Reason)> s_changes = new()
    {
        ["header: launch script"] = (b => b[0] ^= 1, SifSignatureReason.HeaderChanged),
        ["header: identity"] = (b => b[48] ^= 1, SifSignatureReason.HeaderChanged),
        ["header: architecture"] = (b => b[46] ^= 1, null),
        ["header: created"] = (b => b[64] ^= 1, null),
        ["header: modified"] = (b => b[72] ^= 1, null),
        ["header: free"] = (b => b[80] ^= 1, null),
        ["header: data size"] = (b => b[120] ^= 1, null),
        ["gap"] = (b => b[1000] ^= 1, null),
        ["padding"] = (b => b[32772] ^= 1, null),
        ["type"] = (b => b[Slot(0)] ^= 2, SifSignatureReason.DescriptorChanged),
        ["used 2"] = (b => b[Slot(0) + 4] = 2, null),
        ["unused"] = (b => b[Slot(0) + 4] = 0, SifSignatureReason.ObjectMissing),
        ["id"] = (b => b[Slot(1) + 5] = 9, SifSignatureReason.ObjectNotSigned),
        ["moved to another group"] = (b => b[Slot(1) + 9] = 2, SifSignatureReason.ObjectMissing),
        ["out of the group"] = (b => b[Slot(1) + 9] = 0, SifSignatureReason.ObjectMissing),
        ["without the mask"] = (b => b[Slot(1) + 12] = 0, SifSignatureReason.DescriptorChanged),
        ["link"] = (b => b[Slot(0) + 13] = 2, SifSignatureReason.DescriptorChanged),
        ["offset"] = (b => BinaryPrimitives.WriteInt64LittleEndian(b.AsSpan(Slot(0) + 17), 36864),
            SifSignatureReason.ObjectChanged),
        ["offset past the end"] = (b => b[Slot(1) + 21] = 1, SifSignatureReason.ObjectChanged),
        ["size"] = (b => b[Slot(0) + 25] = 3, SifSignatureReason.DescriptorChanged),
        ["size with padding"] = (b => b[Slot(0) + 33] ^= 1, null),
        ["created"] = (b => b[Slot(0) + 41] ^= 1, SifSignatureReason.DescriptorChanged),
        ["modified"] = (b => b[Slot(0) + 49] ^= 1, null),
        ["uid"] = (b => b[Slot(0) + 57] ^= 1, SifSignatureReason.DescriptorChanged),
        ["gid"] = (b => b[Slot(0) + 65] ^= 1, SifSignatureReason.DescriptorChanged),
        ["name"] = (b => b[Slot(1) + 73] = (byte)'x', SifSignatureReason.DescriptorChanged),
        ["partition type"] = (b => b[Slot(1) + 205] = 1, SifSignatureReason.DescriptorChanged),
        ["end of extra"] = (b => b[Slot(1) + 584] = 1, SifSignatureReason.DescriptorChanged),
        ["data"] = (b => b[36864 + 4095] ^= 1, SifSignatureReason.ObjectChanged),
        ["all ids"] = (AddTen, null),
        ["a new object in the group"] = (AddToGroup, SifSignatureReason.ObjectNotSigned),
        ["signature: hash type SHA-384"] = (b => b[Slot(SignatureSlot) + 201] = 2, null),
        ["signature: hash type 9"] = (b => b[Slot(SignatureSlot) + 201] = 9, SifSignatureReason.HashUnknown),
        ["signature: hash type 0"] = (b => b[Slot(SignatureSlot) + 201] = 0, SifSignatureReason.HashUnknown),
        ["signature: name"] = (b => b[Slot(SignatureSlot) + 73] = (byte)'x', null),
        ["signature: modified"] = (b => b[Slot(SignatureSlot) + 49] ^= 1, null),
        ["signature: in the group it signs"] = (b => b[Slot(SignatureSlot) + 9] = 1,
            SifSignatureReason.ObjectNotSigned),
        ["signature: of another group"] = (b => b[Slot(SignatureSlot) + 13] = 7, SifSignatureReason.GroupMissing),
        ["signature: of an object"] = (b => b.AsSpan(Slot(SignatureSlot) + 14, 3).Clear(), null),
        ["signature: of nothing"] = (b => b.AsSpan(Slot(SignatureSlot) + 13, 4).Clear(),
            SifSignatureReason.GroupMissing),
        ["signature: no text"] = (b => b.AsSpan(SignatureStart).Fill((byte)'x'), SifSignatureReason.FormatUnknown),
        ["signature: past the end"] = (b => b[Slot(SignatureSlot) + 21] = 1, SifSignatureReason.MalformedMessage),
        ["signature: empty"] = (b => b.AsSpan(Slot(SignatureSlot) + 25, 8).Clear(), SifSignatureReason.FormatUnknown),
    };

    private readonly TemporaryDirectory _directory = new();

    public static MatrixTheoryData<string, string> Changes =>
        new(["one-group-signed-dsse", "one-group-signed-pgp"], s_changes.Keys);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Theory]
    [MemberData(nameof(Changes))]
    public void A_change_is_noticed_if_it_is_covered(string name, string change)
    {
        var bytes = KeyRing.Signed(name);
        var (make, reason) = s_changes[change];
        make(bytes);
        // Which of the four bytes of a link make it one to a group is the reader's business.
        if (change == "signature: of an object")
            (bytes[Slot(SignatureSlot) + 13], bytes[Slot(SignatureSlot) + 16], reason) =
                (1, 0, SifSignatureReason.GroupMissing);

        var check = Verify(bytes);
        Assert.Equal(reason, check.Reason);
        Assert.Equal(reason is null, check.IsValid);
        Assert.Equal(reason is null, check.Message.Length == 0);
    }

    [Theory]
    [InlineData("one-group-signed-dsse", "eyJ2ZXJzaW9u", "eyJ2ZXJzaW9t", SifSignatureReason.SignatureInvalid)]
    [InlineData("one-group-signed-dsse", "\"payload\":\"", "\"payload\":\"*", SifSignatureReason.MalformedMessage)]
    [InlineData("one-group-signed-dsse", "\"payload\":\"", "\"payload\":\"\u008e", SifSignatureReason.MalformedMessage)]
    [InlineData("one-group-signed-dsse", "\"signatures\":[", "\"signatures\":[],\"x\":[",
        SifSignatureReason.MalformedMessage)]
    [InlineData("one-group-signed-dsse", "\"keyid\":\"SHA256:", "\"keyid\":\"SHA256:_",
        SifSignatureReason.KeyNotFound)]
    [InlineData("one-group-signed-dsse", "sif-metadata+json", "sif-metadata+jsoN", SifSignatureReason.FormatUnknown)]
    [InlineData("one-group-signed-pgp", "\"version\":1", "\"version\":2", SifSignatureReason.SignatureInvalid)]
    [InlineData("one-group-signed-pgp", "Hash: SHA256", "Hash: SHA512", null)]
    [InlineData("one-group-signed-pgp", "Hash: SHA256", "Hash: SHA256\nNote: x", SifSignatureReason.FormatUnknown)]
    [InlineData("one-group-signed-pgp", "-----END PGP SIGNATURE-----", "", SifSignatureReason.FormatUnknown)]
    [InlineData("one-group-signed-legacy", "SIFHASH:\n0", "SIFHASH:\n1", SifSignatureReason.SignatureInvalid)]
    public void A_change_in_the_text_is_noticed(string name, string from, string to, SifSignatureReason? reason) =>
        Assert.Equal(reason, Verify(Rewrite(name, text => text.Replace(from, to, StringComparison.Ordinal))).Reason);

    [Theory]
    [InlineData("\n", null)]
    [InlineData(" \r\n", null)]
    [InlineData("x", SifSignatureReason.MalformedMessage)]
    [InlineData("{}", SifSignatureReason.MalformedMessage)]
    public void Only_white_space_may_follow_an_envelope(string tail, SifSignatureReason? reason) =>
        Assert.Equal(reason, Verify(Rewrite("one-group-signed-dsse", text => text + tail)).Reason);

    [Fact]
    public void Line_ends_and_dashes_of_a_text_do_not_count() =>
        Assert.True(Verify(Rewrite("one-group-signed-pgp", text =>
            text.Replace("\n{", "\n- {", StringComparison.Ordinal).Replace("\n", " \t\r\n", StringComparison.Ordinal)
            + "\nafterwards")).IsValid);

    [Fact]
    public void A_fingerprint_that_is_not_the_signers_is_noticed()
    {
        var bytes = KeyRing.Signed("one-group-signed-pgp");
        bytes[Slot(SignatureSlot) + 205] ^= 1;
        Assert.Equal(SifSignatureReason.SignerMismatch, Verify(bytes).Reason);
        bytes.AsSpan(Slot(SignatureSlot) + 205, 20).Clear();
        Assert.Equal(SifSignatureReason.SignerMismatch, Verify(bytes).Reason);
    }

    [Theory]
    [InlineData("one-group-signed-legacy", 36864, SifSignatureReason.ObjectChanged)]
    [InlineData("one-group-signed-legacy", 32768, null)]
    [InlineData("one-group-signed-legacy-group", 32768, SifSignatureReason.ObjectChanged)]
    [InlineData("one-group-signed-legacy-group", 4096 + 73, null)]
    [InlineData("one-group-signed-legacy-group", 0, null)]
    [InlineData("one-group-signed-legacy", 4096 + (2 * 585) + 13, SifSignatureReason.GroupMissing)]
    public void The_old_format_covers_data_only(string name, int at, SifSignatureReason? reason)
    {
        var bytes = KeyRing.Signed(name);
        bytes[at] ^= 0x10;

        Assert.Equal(reason, Verify(bytes).Reason);
    }

    [Fact]
    public void Every_third_byte_of_an_OpenPGP_signature_may_be_hostile()
    {
        var good = KeyRing.Signed("one-group-signed-pgp");
        var keys = KeyRing.Ours(_directory);
        var start = Encoding.Latin1.GetString(good).IndexOf("-----BEGIN PGP SIGNATURE-----", StringComparison.Ordinal);
        for (var at = start; at < good.Length; at += 3)
        {
            var bytes = good.ToArray();
            bytes[at] ^= (byte)(1 << (at % 8));
            var check = Verify(bytes, keys);
            // What a standard does not cover: the checksum, and the packet's part that is not hashed.
            if (check.IsValid)
                Assert.Equal(OpenPgpSigner.Fingerprint, Assert.Single(check.Signers).KeyId);
        }
    }

    private static int Slot(int index) => 4096 + (585 * index);

    private static void AddTen(byte[] image)
    {
        image[Slot(0) + 5] += 10;
        image[Slot(1) + 5] += 10;
    }

    private static void AddToGroup(byte[] image)
    {
        image.AsSpan(Slot(0), 585).CopyTo(image.AsSpan(Slot(3)));
        image[Slot(3) + 5] = 4;
    }

    // The text of the third object, in its place or longer: the object is the last one.
    private static byte[] Rewrite(string name, Func<string, string> change)
    {
        var bytes = KeyRing.Signed(name);
        var text = change(Encoding.Latin1.GetString(bytes.AsSpan(SignatureStart)));
        byte[] changed = [.. bytes.AsSpan(0, SignatureStart), .. Encoding.Latin1.GetBytes(text)];
        BinaryPrimitives.WriteInt64LittleEndian(changed.AsSpan(Slot(SignatureSlot) + 25), text.Length);
        return changed;
    }

    private SifSignatureCheck Verify(byte[] bytes, SifVerificationKeys? keys = null)
    {
        using var image = SifImage.Open(new RecordingWindow(bytes), Samples.ImagePath, Token);
        return SifVerifier.Verify(image, keys ?? KeyRing.Ours(_directory), token: Token).Signatures
            .First(s => s.Id == 3);
    }
}
