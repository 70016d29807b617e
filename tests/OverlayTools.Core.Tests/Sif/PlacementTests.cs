using OverlayTools.Sif;
using OverlayTools.TestSupport;
using static OverlayTools.Core.Tests.Sif.Samples;

namespace OverlayTools.Core.Tests.Sif;

/// <summary>Objects get another place or size, and the power fails anywhere.</summary>
public sealed class PlacementTests
{
    private const int SectorSize = 512;

    [Theory]
    [InlineData(2, 60_000, 48)]  // longer, behind what follows
    [InlineData(2, 5_000, 48)]   // shorter, where it is
    [InlineData(3, 60_000, 48)]  // the last one, longer
    [InlineData(3, 100, 48)]
    [InlineData(127, 60_000, 130)] // offset and size of slot 126 lie in two sectors
    public void After_a_crash_siftool_lists_the_old_place_or_the_new_one(uint id, long size, int capacity)
    {
        Machine.NeedTool("siftool");
        using var directory = new TemporaryDirectory();
        var image = Image(capacity);
        var file = new RecordingWindow(image);
        var placement = SifPlacement.Open(file, ImagePath, id);
        Change(file, placement, size);
        var before = List(directory, image);
        var after = List(directory, file.Bytes);
        Assert.NotEqual(before, after);
        Assert.Equal((size, placement.Offset), (Read(file.Bytes, id).SizeBytes, Read(file.Bytes, id).Offset));

        var seen = new HashSet<string>();
        foreach (var crashed in Crashes(file))
        {
            var listed = List(directory, crashed);
            Assert.True(listed == before || listed == after, listed);
            seen.Add(listed);
            using var read = Open(crashed);
            Assert.Null(read.ModificationFault);
            foreach (var other in read.Objects)
                Assert.Equal((byte)other.Id, First(crashed, other));
        }

        Assert.Equal(2, seen.Count);
        using var changed = Open(file.Bytes);
        Assert.Equal(changed.DataSize, changed.Header.DataSize);
        Assert.Equal(changed.FreeDescriptors, changed.Header.DescriptorsFree);
        Assert.Equal(file.Bytes.Length, changed.Objects.Max(o => o.Offset + o.SizeBytes));
    }

    [Fact]
    public void A_signed_object_stays_where_it_is()
    {
        foreach (var signature in new[] { SignatureOf(1), SignatureOf(2, group: false) })
        {
            var image = Add(Image(48), signature);
            var error = Assert.Throws<EngineException>(() => SifPlacement.Open(new RecordingWindow(image), ImagePath, 2));
            Assert.Equal(ErrorIds.SifSigned, error.ErrorId);
        }
    }

    // As EmbeddedImage does it.
    private static void Change(RecordingWindow file, SifPlacement placement, long size)
    {
        var (offset, oldSize) = (placement.Offset, placement.SizeBytes);
        if (size < oldSize)
        {
            placement.Move(offset, size);
            placement.Release(offset + size, oldSize - size);
        }
        else if (placement.IsLast)
        {
            placement.MakeRoom(offset, size);
            placement.Move(offset, size);
        }
        else
        {
            var bytes = new byte[oldSize];
            file.Read(offset, bytes);
            var next = placement.NextOffset;
            placement.MakeRoom(next, size);
            file.Write(next, bytes);
            placement.Move(next, size);
            placement.Release(offset, oldSize);
        }
    }

    // Each object begins with its own number.
    private static byte[] Image(int capacity)
    {
        var count = capacity > 48 ? 127 : 3;
        return Create(new SifCreateOptions { Deterministic = true, Capacity = capacity },
            [.. Enumerable.Range(1, count).Select(id => id == 1 ? Primary(Numbered(id)) : Partition(Numbered(id), SifPartitionType.Data))]);

        static byte[] Numbered(int id)
        {
            var bytes = new byte[9000];
            bytes[0] = (byte)id;
            return bytes;
        }
    }

    private static SifObject Read(byte[] image, uint id) => Open(image).Find(id);

    private static byte First(byte[] image, SifObject item) => image[item.Offset];

    // A sector is written as a whole or not at all.
    private static IEnumerable<byte[]> Crashes(RecordingWindow file)
    {
        for (var changes = 0; changes <= file.Changes.Count; changes++)
        {
            yield return file.After(changes);
            if (changes == 0 || file.Changes[changes - 1] is not { Bytes: { } last } change)
                continue;
            for (var at = SectorSize - (int)(change.Position % SectorSize); at < last.Length; at += SectorSize)
                yield return file.After(changes, at);
        }
    }

    private static string List(TemporaryDirectory directory, byte[] image)
    {
        File.WriteAllBytes(directory["crashed.sif"], image);
        var (exit, output, error) = Machine.Run("siftool", "list", directory["crashed.sif"]);
        Assert.True(exit == 0, error);
        return output;
    }
}
