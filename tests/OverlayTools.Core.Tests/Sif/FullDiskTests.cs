using OverlayTools.Native;
using OverlayTools.Sif;
using OverlayTools.Sif.Signatures;
using OverlayTools.TestSupport;
using static OverlayTools.Core.Tests.Sif.Samples;

namespace OverlayTools.Core.Tests.Sif;

/// <summary>Changes to an image for which there is no room, or that end early.</summary>
public sealed class FullDiskTests : IDisposable
{
    private const int Page = 4096;

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Several_objects_are_removed_from_a_full_disk_as_from_any_other()
    {
        using var disk = new SmallDisk(_directory["disk"], 1);
        var bytes = Create(Deterministic, Generic(Face), Primary(Feed), Generic(new byte[5000]),
            Partition(Feed, SifPartitionType.Data, group: 2), SignatureOf(2));
        File.WriteAllBytes(disk["image.sif"], bytes);
        var elsewhere = new RecordingWindow(bytes);
        SifEditor.Remove(elsewhere, ImagePath, [1, 3, 4, 5], token: TestContext.Current.CancellationToken);
        Fill(disk, 0);

        SifEditor.Remove(disk["image.sif"], [1, 3, 4, 5], token: TestContext.Current.CancellationToken);

        Assert.Equal(elsewhere.Bytes, File.ReadAllBytes(disk["image.sif"]));
    }

    [Theory]
    [InlineData(1 << 20)]
    [InlineData(20 << 20)] // more than is kept in memory
    public void An_addition_that_finds_the_disk_full_leaves_what_a_removal_left(int left)
    {
        using var disk = new SmallDisk(_directory["disk"], 64);
        var image = disk["image.sif"];
        var before = WithRemains(image, left);
        File.WriteAllBytes(_directory["big"], Noise(64 << 20));
        using var content = SifContent.FromFile(_directory["big"]);

        var error = Assert.Throws<IOException>(() => SifEditor.Add(image,
            new() { DataType = SifDataType.Generic, Content = content }, token: TestContext.Current.CancellationToken));

        Assert.Equal(Errno.ENOSPC, error.HResult);
        Assert.Equal(before, File.ReadAllBytes(image));
    }

    [Theory]
    [InlineData(1 << 20, false)]
    [InlineData(20 << 20, false)]
    [InlineData(1 << 20, true)]
    [InlineData(20 << 20, true)]
    public void An_addition_that_is_stopped_leaves_what_a_removal_left(int left, bool grow)
    {
        var image = _directory["image.sif"];
        var before = WithRemains(image, left, grow ? 2 : 48);
        using var stop = new CancellationTokenSource();
        using var content = SifContent.Written(left + 5000, (window, _, token) =>
        {
            window.Write(0, Noise(left + 5000));
            stop.Cancel();
            token.ThrowIfCancellationRequested();
        });

        Assert.ThrowsAny<OperationCanceledException>(() => SifEditor.Add(image,
            new() { DataType = SifDataType.Generic, Content = content }, new() { GrowTable = true }, token: stop.Token));

        Assert.Equal(before, File.ReadAllBytes(image));
    }

    [Fact]
    public void What_a_removal_left_keeps_its_holes_when_an_addition_fails()
    {
        const long size = 200 << 20;
        var image = _directory["image.sif"];
        using (var sparse = SifContent.Written(size, (window, _, _) => window.Write(size - 2, Face)))
        {
            SifWriter.Create(image, Deterministic, [Primary(Feed), new() { DataType = SifDataType.Generic, Content = sparse }],
                token: TestContext.Current.CancellationToken);
        }

        SifEditor.Remove(image, [2], token: TestContext.Current.CancellationToken);
        using var failing = SifContent.Written(size, (window, _, _) =>
        {
            window.Write(0, Noise(30 << 20));
            throw new IOException("The source is gone.");
        });
        Assert.Throws<IOException>(() => SifEditor.Add(image,
            new() { DataType = SifDataType.Generic, Content = failing }, token: TestContext.Current.CancellationToken));

        using var read = SifImage.Open(image, TestContext.Current.CancellationToken);
        Assert.Equal(Face, File.ReadAllBytes(image)[^2..]);
        Assert.True(read.AllocatedBytes < 1 << 20, "the holes were filled");
    }

    [Fact]
    public void Two_groups_are_signed_both_or_not_at_all_however_little_room_there_is()
    {
        Machine.NeedTool("openssl");
        var key = _directory["key.pem"];
        Machine.Run("openssl", "genpkey", "-algorithm", "ed25519", "-out", key);
        using var signing = SifSigningKey.Load(key);
        var image = Create(Deterministic, Generic(Face), Primary(Feed), Partition(Feed, SifPartitionType.Data, group: 2));
        var outcomes = new HashSet<bool>();
        using var disk = new SmallDisk(_directory["disk"], 1);
        for (var free = 0; free <= 32; free++)
        {
            File.WriteAllBytes(disk["image.sif"], image);
            Fill(disk, free * Page);
            try
            {
                SifSigning.Sign(disk["image.sif"], signing, token: TestContext.Current.CancellationToken);
                using var signed = SifImage.Open(disk["image.sif"], TestContext.Current.CancellationToken);
                Assert.Equal(5, signed.Objects.Count);
                outcomes.Add(true);
            }
            catch (IOException error)
            {
                Assert.Equal(Errno.ENOSPC, error.HResult);
                Assert.Equal(image, File.ReadAllBytes(disk["image.sif"]));
                outcomes.Add(false);
            }

            File.Delete(disk["filler"]);
            File.Delete(disk["image.sif"]);
        }

        Assert.Equal(2, outcomes.Count);
    }

    // An object of noise was the last, and is not an object any more.
    private static byte[] WithRemains(string image, int size, int capacity = 48)
    {
        SifWriter.Create(image, new() { Capacity = capacity, Deterministic = true }, [Primary(Feed), Generic(Noise(size))],
            token: TestContext.Current.CancellationToken);
        SifEditor.Remove(image, [2], token: TestContext.Current.CancellationToken);
        if (capacity == 2)
            SifEditor.Add(image, Generic([]), token: TestContext.Current.CancellationToken);
        return File.ReadAllBytes(image);
    }

    private static byte[] Noise(int size)
    {
        var bytes = new byte[size];
        new Random(size).NextBytes(bytes);
        return bytes;
    }

    private static void Fill(SmallDisk disk, int free)
    {
        using var filler = File.Create(disk["filler"], Page);
        var page = Noise(Page);
        try
        {
            while (true)
            {
                filler.Write(page);
                filler.Flush();
            }
        }
        catch (IOException)
        {
            // That is what was wanted.
        }

        using var handle = Native.Open.File(disk["filler"], Native.Open.ReadWrite);
        RandomAccess.SetLength(handle, RandomAccess.GetLength(handle) - free);
    }
}
