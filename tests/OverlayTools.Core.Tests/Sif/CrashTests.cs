using OverlayTools.Sif;
using OverlayTools.TestSupport;
using static OverlayTools.Core.Tests.Sif.Samples;

namespace OverlayTools.Core.Tests.Sif;

/// <summary>The power fails after any write, or in the middle of it.</summary>
public sealed class CrashTests
{
    private static readonly int[] s_tornAfter = [1, 4, 5, 9, 17, 40, 73, 100, 300, 500];

    [Fact]
    public void Siftool_lists_the_old_state_or_the_new_one_and_no_object_changes()
    {
        Machine.NeedTool("siftool");
        using var directory = new TemporaryDirectory();
        // A free slot that still holds the fields of what was deleted, and old bytes where the data goes.
        var image = Patch(Create(Deterministic, Generic(Face), Primary(Feed), Generic(new byte[5000])),
            4096 + (2 * 585) + 4, 0);
        var file = new RecordingWindow(image);
        SifEditor.Add(file, ImagePath, Partition(new byte[9000], SifPartitionType.Overlay),
            token: TestContext.Current.CancellationToken);
        var before = List(directory, image);
        var after = List(directory, file.Bytes);

        Assert.NotEqual(before, after);
        var seen = new HashSet<string>();
        foreach (var crashed in Crashes(file))
        {
            var listed = List(directory, crashed);
            Assert.True(listed == before || listed == after, listed);
            seen.Add(listed);
            Assert.Equal(Face, crashed[32176..32178]);
            Assert.Equal(Feed, crashed[32768..32770]);
            using var read = Open(crashed);
            Assert.Null(read.ModificationFault);
        }

        Assert.Equal(2, seen.Count);
    }

    [Fact]
    public void The_next_change_after_a_crash_mends_what_was_stale()
    {
        var image = OneGroup();
        var file = new RecordingWindow(image);
        SifEditor.Add(file, ImagePath, Generic(Feed), token: TestContext.Current.CancellationToken);
        foreach (var crashed in Crashes(file))
        {
            var mended = Add(crashed, Generic(Face));
            using var read = Open(mended);
            Assert.Equal(read.FreeDescriptors, read.Header.DescriptorsFree);
            Assert.Equal(read.DataSize, read.Header.DataSize);
        }
    }

    [Fact]
    public void Data_table_and_header_reach_the_disk_in_this_order()
    {
        var file = new RecordingWindow(OneGroup());
        SifEditor.Add(file, ImagePath, Generic(Feed), token: TestContext.Current.CancellationToken);

        var order = file.Changes.Select(change => change switch
        {
            { NewLength: not null } => "length",
            { Bytes: null } => "sync",
            { Position: 0 } => "header",
            { Position: 4096 + (2 * 585), Bytes.Length: 585 } => "slot",
            { Position: 4096 + (2 * 585) + 4, Bytes.Length: 1 } => "used",
            { Position: >= 40960 } => "data",
            _ => "?",
        });
        Assert.Equal(["length", "data", "sync", "slot", "sync", "used", "sync", "header", "sync"], order);
    }

    private static IEnumerable<byte[]> Crashes(RecordingWindow file)
    {
        for (var changes = 0; changes <= file.Changes.Count; changes++)
        {
            yield return file.After(changes);
            if (changes == 0 || file.Changes[changes - 1].Bytes is not { } last)
                continue;
            foreach (var bytes in s_tornAfter.Where(bytes => bytes < last.Length))
                yield return file.After(changes, bytes);
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
