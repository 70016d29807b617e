using System.Buffers.Binary;
using OverlayTools.Sif;
using OverlayTools.TestSupport;
using static OverlayTools.Core.Tests.Sif.Samples;

namespace OverlayTools.Core.Tests.Sif;

/// <summary>Mutated images: nothing but an opened image or a promised failure, and never much memory.</summary>
public sealed class FuzzTests
{
    private const int Rounds = 10_000;
    private const long MostAllocated = 64L << 20;

    // What numbers go wrong with.
    private static readonly long[] s_numbers =
    [
        0, 1, -1, 48, 49, 127, 128, 585, 4096, 28080, 32176, 1L << 31, 1L << 32, 1L << 40, long.MaxValue, long.MinValue,
        long.MaxValue - 585, 0x7FFF_FFFF, uint.MaxValue - 1L,
    ];

    /// <summary>Seeds that found something once stay; 0 stands for a new one each run.</summary>
    public static TheoryData<int> Seeds => [0, 20200605];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void No_mutation_does_anything_but_open_or_fail_as_promised(int seed)
    {
        if (seed == 0)
            seed = Random.Shared.Next(1, int.MaxValue);
        TestContext.Current.SendDiagnosticMessage($"FuzzTests seed {seed}");
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var images = Images().ToList();
        // The kept seeds are there for what they found, not for breadth.
        for (var round = 0; round < (seed == 20200605 ? Rounds / 5 : Rounds); round++)
        {
            var bytes = Mutate(images[random.Next(images.Count)], random);
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                Use(bytes, change: random.Next(8) == 0 && bytes.Length < 100_000, random);
            }
            catch (EngineException error) when (error.ErrorId
                is ErrorIds.SifBadMagic or ErrorIds.SifCorrupt or ErrorIds.SifVersionUnsupported)
            {
                // As promised.
            }
            catch (Exception error)
            {
                Assert.Fail($"seed {seed}, round {round}: {error}");
            }

            var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.True(allocated < MostAllocated, $"seed {seed}, round {round}: {allocated} bytes allocated");
        }
    }

    private static IEnumerable<byte[]> Images()
    {
        yield return OneGroup();
        yield return Create(Deterministic, Generic(Face), Primary(Feed),
            Partition(Feed, SifPartitionType.System), SignatureOf(1), SignatureOf(2, false, 1));
        yield return Add(Create(new() { Capacity = 1, Deterministic = true }, Primary(Face)), Generic(Feed),
            new() { GrowTable = true });
        yield return Delete(Create(Deterministic, Generic(new byte[9000]), Primary(Feed), Generic(Face)), 0);
        yield return Create(new() { Capacity = 0 });
        var corpus = Path.GetFullPath(Path.Combine(Machine.RepositoryRoot, "..", "shared", "sif-images"));
        if (!Directory.Exists(corpus))
            yield break;
        foreach (var path in Directory.GetFiles(corpus, "*.sif").Order(StringComparer.Ordinal))
            yield return File.ReadAllBytes(path);
    }

    private static byte[] Mutate(byte[] image, Random random)
    {
        var bytes = (byte[])image.Clone();
        for (var changes = random.Next(1, 5); changes > 0; changes--)
        {
            // Mostly the header and the first slots, where the numbers are.
            var at = random.Next(3) == 0 ? random.Next(128) : 4096 + random.Next(6 * 585);
            switch (random.Next(6))
            {
                case 0:
                    bytes = bytes[..random.Next(bytes.Length + 1)];
                    break;
                case 1 when bytes.Length >= 128:
                    Put(bytes, 64 + (8 * random.Next(8)), Number(random));
                    break;
                case 2 when bytes.Length > 8000:
                    Put(bytes, 4096 + (585 * random.Next(5)) + 17 + (8 * random.Next(7)), Number(random));
                    break;
                case 3 when bytes.Length > 0:
                    bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
                    break;
                default:
                    if (at < bytes.Length)
                        bytes[at] = (byte)random.Next(256);
                    break;
            }
        }

        return bytes;
    }

    private static long Number(Random random) =>
        s_numbers[random.Next(s_numbers.Length)] + (random.Next(3) == 0 ? random.Next(-2, 3) : 0);

    private static void Put(byte[] bytes, int at, long value) => BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(at), value);

    private static void Use(byte[] bytes, bool change, Random random)
    {
        using var image = Open(bytes);
        var buffer = new byte[4096];
        foreach (var found in image.Objects.Where(o => o.Fault is null))
        {
            var data = found.OpenData();
            for (long at = 0; at < data.Length; at += buffer.Length)
                data.Read(at, buffer.AsSpan(0, (int)Math.Min(buffer.Length, data.Length - at)));
            _ = SifExporter.FileName("a.sif", found);
        }

        _ = SiftoolTable.Render(image.Objects) + image.LaunchScript + image.IsEncrypted + image.IsSigned;
        Assert.Equal(bytes.Length, image.Ranges.Sum(range => range.SizeBytes));
        if (image.ModificationFault is not null)
            return;
        Assert.InRange(SifOptimizer.Gain(image), 0, bytes.Length);
        if (change)
            Change(bytes, image, random);
    }

    // What is sound enough to be changed stays sound, and keeps every object that was not meant.
    private static void Change(byte[] bytes, SifImage image, Random random)
    {
        var file = new RecordingWindow(bytes);
        var id = image.Objects.Count == 0 ? 1 : image.Objects[random.Next(image.Objects.Count)].Id;
        try
        {
            switch (random.Next(3))
            {
                case 0:
                    SifEditor.Add(file, ImagePath, Generic(Feed), new() { GrowTable = true });
                    break;
                case 1:
                    SifEditor.Remove(file, ImagePath, [id], new() { Compact = true, Zero = true, Force = true });
                    break;
                default:
                    SifEditor.SetPrimary(file, ImagePath, id);
                    break;
            }
        }
        catch (EngineException error) when (error.ErrorId is ErrorIds.SifSigned or ErrorIds.SifInvalidValue
            or ErrorIds.SifDescriptorNotFound)
        {
            Assert.Equal(bytes, file.Bytes);
            return;
        }

        using var changed = Open(file.Bytes);
        Assert.Null(changed.ModificationFault);
        foreach (var kept in image.Objects.Where(o => o.Fault is null && changed.Objects.Any(c => c.Id == o.Id)))
            Assert.Equal(Data(kept), Data(changed.Find(kept.Id)));
    }

    private static byte[] Data(SifObject found)
    {
        var data = new byte[found.SizeBytes];
        found.OpenData().Read(0, data);
        return data;
    }
}
