using OverlayTools.Containers;
using OverlayTools.Core.Tests.Sif;
using OverlayTools.Sif;
using static OverlayTools.Core.Tests.Sif.Samples;

namespace OverlayTools.Core.Tests.Sealing;

/// <summary>The power fails, or a write does, while a sealed overlay takes the place of the writable one in its
/// image.</summary>
public sealed class ReplacingCrashTests
{
    private static readonly byte[] s_writable = [.. Enumerable.Range(0, 5000).Select(i => (byte)(i * 7 + 1))];
    private static readonly byte[] s_sealed = [.. Enumerable.Range(0, 3000).Select(i => (byte)(i * 5 + 2))];

    private static readonly byte[] s_image = Create(new SifCreateOptions(), Primary(Feed),
        Partition(s_writable, SifPartitionType.Overlay, fileSystem: SifFileSystem.Ext3), Generic(Face));

    [Fact]
    public void At_every_moment_the_image_has_the_one_or_the_other()
    {
        var file = new RecordingWindow(s_image);
        Replace(file);
        var seen = new HashSet<string>();
        for (var changes = 0; changes <= file.Changes.Count; changes++)
        {
            seen.Add(StateOf(file.After(changes)));
            if (changes > 0 && file.Changes[changes - 1].Bytes is { } last)
            {
                foreach (var torn in ((int[])[1, 4, 9, 17, 81, 98, 121, 206, 300, 500, 1000]).Where(torn => torn < last.Length))
                    seen.Add(StateOf(file.After(changes, torn)));
            }
        }

        Assert.Equal(["both", "sealed", "writable"], seen.Order());
        Assert.Equal("sealed", StateOf(file.Bytes));
    }

    [Fact]
    public void A_write_that_fails_leaves_the_one_or_the_other()
    {
        var whole = new RecordingWindow(s_image);
        Replace(whole);
        for (var failing = 0; failing < whole.Changes.Count; failing++)
        {
            var file = new RecordingWindow(s_image) { FailAt = failing };
            Assert.Throws<IOException>(() => Replace(file));
            Assert.Contains(StateOf(file.Bytes), (string[])["both", "sealed", "writable"]);
        }
    }

    private static void Replace(RecordingWindow file)
    {
        using var content = SifContent.FromBytes(s_sealed);
        SifDestination.Put(file, ImagePath, content, SifFileSystem.Squashfs, 2, new SifChangeOptions(), null,
            TestContext.Current.CancellationToken);
    }

    private static string StateOf(byte[] bytes)
    {
        using var image = Open(bytes);
        Assert.Null(image.ModificationFault);
        Assert.Equal(Feed, Data(image.PrimaryPartition!));
        Assert.Equal(Face, Data(image.Objects.Single(item => item.DataType == SifDataType.Generic)));
        var overlays = image.Overlays.ToList();
        foreach (var overlay in overlays)
            Assert.Equal(overlay.Partition!.FileSystem == SifFileSystem.Ext3 ? s_writable : s_sealed, Data(overlay));
        return overlays.Count == 2 ? "both" : overlays.Single().Partition!.FileSystem == SifFileSystem.Ext3 ? "writable" : "sealed";
    }

    private static byte[] Data(SifObject found)
    {
        var data = new byte[found.SizeBytes];
        found.OpenData().Read(0, data);
        return data;
    }
}
