using System.Buffers.Binary;
using System.Text;
using OverlayTools.Sif;
using OverlayTools.Sif.Signatures;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Sif.Signatures;

/// <summary>Signatures and keys that somebody made to hurt: a reason or an error, never a crash.</summary>
public sealed class HostileSignatureTests : IDisposable
{
    private const int Rounds = 400;
    private const int SignatureSlot = 4096 + (2 * 585);
    private const int SignatureStart = 40960;

    private readonly TemporaryDirectory _directory = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("one-group-signed-dsse")]
    [InlineData("one-group-signed-pgp")]
    [InlineData("one-group-signed-legacy")]
    public void Whatever_a_signature_holds_has_a_verdict(string name)
    {
        var good = KeyRing.Signed(name);
        var keys = KeyRing.Ours(_directory);
        var seed = Environment.TickCount;
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        var random = new Random(seed);
        for (var round = 0; round < Rounds; round++)
        {
            byte[] bytes = [.. good.AsSpan(0, SignatureStart), .. Mutate(good[SignatureStart..], random)];
            BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(SignatureSlot + 25), bytes.Length - SignatureStart);
            if (random.Next(4) == 0)
                bytes[SignatureSlot + random.Next(585)] = (byte)random.Next(256);
            Verify(bytes, keys);
        }
    }

    [Fact]
    public void Whatever_a_key_file_holds_is_read_or_refused()
    {
        var armored = Encoding.Latin1.GetBytes(OpenPgpSigner.PublicKey + KeyRing.DsseKey
            + File.ReadAllText(KeyRing.Generate(_directory, KeyRing.Kinds[1]).Public));
        var lines = OpenPgpSigner.PublicKey.Split('\n');
        var binary = OpenPgpArmor.Decode(lines, 2, "-----END PGP PUBLIC KEY BLOCK-----")!;
        var seed = Environment.TickCount;
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        var random = new Random(seed);
        for (var round = 0; round < Rounds; round++)
        {
            File.WriteAllBytes(_directory["key"], Mutate(random.Next(2) == 0 ? armored : binary, random));
            var keys = new SifVerificationKeys();
            var failure = Record.Exception(() => keys.AddFile(_directory["key"]));
            if (failure is not null)
                Assert.Equal(ErrorIds.KeyInvalid, Assert.IsType<EngineException>(failure).ErrorId);
        }
    }

    [Theory]
    // Lengths that lie, in a signature packet and in its fields.
    [InlineData("ff ff ff ff")]
    [InlineData("c2 ff ff ff ff ff 04")]
    [InlineData("c2 ff 00 00 00 06 04 01 01 08 ff ff")]
    [InlineData("c2 06 06 01 01 08 7f ff")]
    [InlineData("8a 7f ff ff ff 04 01")]
    [InlineData("88 00")]
    [InlineData("c2 e1 04 00")]
    [InlineData("a8 03 50 47 50")]
    public void A_packet_that_lies_about_its_length_is_damaged(string packet)
    {
        var good = KeyRing.Signed("one-group-signed-pgp");
        var base64 = Convert.ToBase64String(Convert.FromHexString(packet.Replace(" ", "", StringComparison.Ordinal)));
        var text = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{}\n-----BEGIN PGP SIGNATURE-----\n\n"
            + base64 + "\n-----END PGP SIGNATURE-----";
        byte[] bytes = [.. good.AsSpan(0, SignatureStart), .. Encoding.ASCII.GetBytes(text)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(SignatureSlot + 25), text.Length);
        var before = GC.GetAllocatedBytesForCurrentThread();

        Assert.Equal(SifSignatureReason.MalformedMessage, Verify(bytes, KeyRing.Ours(_directory)).Reason);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 64 << 20);
    }

    [Fact]
    public void A_signature_of_gigabytes_is_not_read()
    {
        var good = KeyRing.Signed("one-group-signed-pgp");
        File.WriteAllBytes(_directory["a.sif"], good);
        using (var file = File.OpenHandle(_directory["a.sif"], FileMode.Open, FileAccess.Write))
        {
            RandomAccess.SetLength(file, 8L << 30);
            RandomAccess.Write(file, BitConverter.GetBytes(7L << 30), SignatureSlot + 25);
        }

        using var image = SifImage.Open(_directory["a.sif"], Token);
        var check = Assert.Single(SifVerifier.Verify(image, KeyRing.Ours(_directory), token: Token).Signatures);
        Assert.Equal(SifSignatureReason.MalformedMessage, check.Reason);
    }

    [Theory]
    [InlineData("\"signatures\":[", ",", 5000)]
    [InlineData("\"x\":", "", 100000)]
    public void An_envelope_of_many_parts_is_bounded(string start, string separator, int count)
    {
        var one = separator.Length > 0 ? $$"""{"keyid":"SHA256:BhCwr7qZulYcOMSl2Jt2DuYHxHNnN6th4NdMqR/PGa4","sig":"AAAA"}""" : "[";
        var text = "{\"payloadType\":\"" + DsseEnvelope.PayloadType + "\",\"payload\":\"e30=\"," + start
            + string.Join(separator, Enumerable.Repeat(one, count)) + (separator.Length > 0 ? "]}" : "");
        var good = File.ReadAllBytes(Machine.NeedShared("sif-images/one-group-signed-dsse.sif"));
        byte[] bytes = [.. good.AsSpan(0, SignatureStart), .. Encoding.ASCII.GetBytes(text)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(SignatureSlot + 25), text.Length);

        Assert.Equal(separator.Length > 0 ? SifSignatureReason.MalformedMessage : SifSignatureReason.FormatUnknown,
            Verify(bytes, KeyRing.Ours(_directory)).Reason);
    }

    [Fact]
    public void What_a_signature_says_of_its_signer_is_safe_to_show()
    {
        var good = File.ReadAllBytes(Machine.NeedShared("sif-images/one-group-signed-dsse.sif"));
        var text = Encoding.Latin1.GetString(good.AsSpan(SignatureStart))
            .Replace("SHA256:x6l8ZblpSSXGaPMCzySedWg88BwIFcz8jlPb6el0mFs", "\\u001b[31mred", StringComparison.Ordinal);
        byte[] bytes = [.. good.AsSpan(0, SignatureStart), .. Encoding.Latin1.GetBytes(text)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(SignatureSlot + 25), text.Length);
        var check = Verify(bytes, KeyRing.None);

        Assert.Equal([@"\x1B[31mred", "SHA256:BhCwr7qZulYcOMSl2Jt2DuYHxHNnN6th4NdMqR/PGa4"], check.ClaimedSigners);
        Assert.DoesNotContain('\x1b', check.Message);
    }

    private static byte[] Mutate(byte[] bytes, Random random)
    {
        var mutated = bytes.ToList();
        for (var changes = random.Next(1, 6); changes > 0 && mutated.Count > 0; changes--)
        {
            var at = random.Next(mutated.Count);
            var count = Math.Min(random.Next(1, 40), mutated.Count - at);
            switch (random.Next(5))
            {
                case 0:
                    mutated[at] = (byte)random.Next(256);
                    break;
                case 1:
                    mutated[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 2:
                    mutated.RemoveRange(at, count);
                    break;
                case 3:
                    mutated.InsertRange(at, mutated.GetRange(random.Next(mutated.Count - count + 1), count));
                    break;
                default:
                    if (random.Next(4) == 0)
                        mutated.RemoveRange(at, mutated.Count - at);
                    break;
            }
        }

        return [.. mutated];
    }

    private static SifSignatureCheck Verify(byte[] bytes, SifVerificationKeys keys)
    {
        using var image = SifImage.Open(new RecordingWindow(bytes), Samples.ImagePath, Token);
        var checks = SifVerifier.Verify(image, keys, token: Token).Signatures;
        return checks.FirstOrDefault() ?? new SifSignatureCheck { Id = 0 };
    }
}
