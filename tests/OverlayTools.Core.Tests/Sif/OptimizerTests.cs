using OverlayTools.IO;
using OverlayTools.Sif;
using OverlayTools.TestSupport;
using static OverlayTools.Core.Tests.Sif.Samples;

namespace OverlayTools.Core.Tests.Sif;

public sealed class OptimizerTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private string Image => _directory["image.sif"];

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void What_a_deletion_left_is_reclaimed_and_everything_else_stays()
    {
        Make(Generic(new byte[10000]), Primary(Feed), Linked(2), Partition(new byte[9000], SifPartitionType.Overlay));
        SifEditor.Remove(Image, [1], token: TestContext.Current.CancellationToken);
        var before = State();

        var result = SifOptimizer.Optimize(Image, token: TestContext.Current.CancellationToken);

        Assert.Equal(before, State());
        Assert.Equal(new FileInfo(Image).Length, result.NewLength);
        Assert.Equal(12288, result.OldLength - result.NewLength);
        Assert.Equal(3, result.MovedObjects);
        using var image = SifImage.Open(Image, TestContext.Current.CancellationToken);
        Assert.Null(image.ModificationFault);
        Assert.Equal(image.DataSize, image.Header.DataSize);
        Assert.Equal(image.Length, image.Header.DataOffset + image.Header.DataSize);
        Assert.All(image.Objects.Where(o => o.DataType == SifDataType.Partition), o => Assert.Equal(0, o.Offset % 4096));
        Assert.Equal(0, SifOptimizer.Gain(image));
        Assert.Equal([Image], Directory.GetFileSystemEntries(_directory.Path));
    }

    [Fact]
    public void Access_control_list_and_attributes_stay()
    {
        Machine.NeedTool("setfacl");
        Make(Generic(new byte[10000]), Generic(Feed));
        var (exit, _, error) = Machine.Run("/bin/sh", "-c",
            $"setfacl -m u:1234:rwx,g::r-x '{Image}' && setfattr -n user.note -v kept '{Image}'");
        Assert.SkipUnless(exit == 0, "needs a file system with attributes: " + error);
        var before = Machine.Run("/bin/sh", "-c", $"getfacl -p '{Image}'; getfattr -d '{Image}'").Output;
        SifEditor.Remove(Image, [1], token: TestContext.Current.CancellationToken);

        SifOptimizer.Optimize(Image, token: TestContext.Current.CancellationToken);

        Assert.Equal(before, Machine.Run("/bin/sh", "-c", $"getfacl -p '{Image}'; getfattr -d '{Image}'").Output);
    }

    [Fact]
    public void The_result_is_what_would_have_been_made_without_the_removed_object()
    {
        Make(Primary(Face), Generic(new byte[10000]), Generic(Feed));
        SifEditor.Remove(Image, [2], token: TestContext.Current.CancellationToken);
        SifOptimizer.Optimize(Image, token: TestContext.Current.CancellationToken);
        using var image = SifImage.Open(Image, TestContext.Current.CancellationToken);

        Assert.Equal([1u, 3u], image.Objects.Select(o => o.Id));
        Assert.Equal([32768, 32770], image.Objects.Select(o => o.Offset));
        Assert.Equal(Create(Deterministic, Primary(Face), Generic(Feed))[32768..], File.ReadAllBytes(Image)[32768..]);
    }

    [Fact]
    public void A_table_that_grew_comes_home()
    {
        SifWriter.Create(Image, new() { Capacity = 2, Deterministic = true }, [Generic(Face), Primary(Feed)],
            token: TestContext.Current.CancellationToken);
        SifEditor.Add(Image, Generic(Feed), new() { GrowTable = true }, token: TestContext.Current.CancellationToken);
        var before = State();
        SifOptimizer.Optimize(Image, token: TestContext.Current.CancellationToken);

        Assert.Equal(before, State());
        using var image = SifImage.Open(Image, TestContext.Current.CancellationToken);
        Assert.Equal((4096, 50), (image.Header.DescriptorsOffset, image.Capacity));
        Assert.Equal(4096 + (50 * 585), image.Header.DataOffset);
    }

    [Fact]
    public void Bytes_behind_the_last_object_are_cut_off_in_place()
    {
        Make(Primary(Face), Generic(Feed));
        var inode = Stat("%i");
        File.AppendAllText(Image, "trailing");
        var result = SifOptimizer.Optimize(Image, token: TestContext.Current.CancellationToken);

        Assert.Equal(8, result.OldLength - result.NewLength);
        Assert.Equal(0, result.MovedObjects);
        Assert.Equal(inode, Stat("%i"));
        Assert.Equal(Create(Deterministic, Primary(Face), Generic(Feed)), File.ReadAllBytes(Image));
    }

    [Fact]
    public void An_image_without_waste_is_not_written()
    {
        Make(Generic(Face), Primary(Feed), Generic(Face, 128), Partition(Face, SifPartitionType.Data, alignment: 65536));
        var before = (Stat("%i %y"), Hash(File.ReadAllBytes(Image)));
        var result = SifOptimizer.Optimize(Image, token: TestContext.Current.CancellationToken);

        Assert.Equal(result.OldLength, result.NewLength);
        Assert.Equal(before, (Stat("%i %y"), Hash(File.ReadAllBytes(Image))));
    }

    [Fact]
    public void A_wished_alignment_is_kept()
    {
        Make(Generic(new byte[100000]), Generic(Face, 128), Partition(Feed, SifPartitionType.Data, alignment: 65536));
        SifEditor.Remove(Image, [1], token: TestContext.Current.CancellationToken);
        SifOptimizer.Optimize(Image, token: TestContext.Current.CancellationToken);
        using var image = SifImage.Open(Image, TestContext.Current.CancellationToken);

        Assert.Equal(0, image.Objects[0].Offset % 128);
        Assert.Equal(65536, image.Objects[1].Offset);
    }

    [Fact]
    public void Mode_and_link_stay_and_holes_do_too()
    {
        using (var content = SifContent.Written(64 << 20, (window, _, _) => window.Write(32 << 20, Face)))
        {
            Make(Generic(new byte[10000]), new SifNewObject
            {
                DataType = SifDataType.Partition,
                Content = content,
                Metadata = new SifPartitionMetadata(SifFileSystem.Ext3, SifPartitionType.Overlay, SifArchitecture.Amd64),
            });
        }

        File.SetUnixFileMode(Image, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherExecute);
        File.CreateSymbolicLink(_directory["link.sif"], "image.sif");
        SifEditor.Remove(Image, [1], token: TestContext.Current.CancellationToken);
        var before = State();
        var result = SifOptimizer.Optimize(_directory["link.sif"], token: TestContext.Current.CancellationToken);

        Assert.Equal(before, State());
        Assert.Equal("image.sif", new FileInfo(_directory["link.sif"]).LinkTarget);
        Assert.Equal("601", Stat("%a"));
        Assert.InRange(result.NewAllocated, 1, 1 << 20);
    }

    [Fact]
    public void An_image_in_use_is_refused_and_stopping_leaves_it_alone()
    {
        Make(Generic(new byte[10000]), Primary(new byte[4096]));
        SifEditor.Remove(Image, [1], token: TestContext.Current.CancellationToken);
        var before = File.ReadAllBytes(Image);
        using (var user = Native.Open.File(Image, Native.Open.ReadWrite))
        {
            Assert.True(RangeLock.Acquire(user, Image, exclusive: false, 45056, 4096));
            GoldenTests.Fails(ErrorIds.OverlayInUse, () => SifOptimizer.Optimize(Image));
            Native.FileLock.Release(user, 0, 0);
        }

        using var stop = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => SifOptimizer.Optimize(
            Image, progress: new Stopping(stop), token: stop.Token));
        Assert.Equal(before, File.ReadAllBytes(Image));
        Assert.Equal([Image], Directory.GetFileSystemEntries(_directory.Path));
    }

    [Fact]
    public void A_contradiction_is_not_moved_about()
    {
        File.WriteAllBytes(Image, Patch(OneGroup(), 4096 + 25, 4097L));

        GoldenTests.Fails(ErrorIds.SifCorrupt, () => SifOptimizer.Optimize(Image));
    }

    [Fact]
    public void Removing_and_optimizing_at_random_never_loses_a_byte()
    {
        var seed = Environment.TickCount;
        TestContext.Current.SendDiagnosticMessage($"seed {seed}");
        var random = new Random(seed);
        for (var round = 0; round < 12; round++)
        {
            File.Delete(Image);
            SifWriter.Create(Image, new() { Capacity = random.Next(1, 8), Deterministic = true }, [],
                token: TestContext.Current.CancellationToken);
            for (var step = 0; step < 12; step++)
                Step(random);
            var before = State();
            SifOptimizer.Optimize(Image, token: TestContext.Current.CancellationToken);
            Assert.True(before == State(), $"seed {seed}, round {round}");
        }
    }

    private void Step(Random random)
    {
        using var image = SifImage.Open(Image);
        if (image.Objects.Count > 0 && random.Next(3) == 0)
        {
            var id = image.Objects[random.Next(image.Objects.Count)].Id;
            SifEditor.Remove(Image, [id], new() { Zero = random.Next(2) == 0, Compact = random.Next(2) == 0 });
            return;
        }

        var bytes = new byte[random.Next(20000)];
        random.NextBytes(bytes);
        var added = random.Next(2) == 0
            ? Generic(bytes, random.Next(3) == 0 ? 1 << random.Next(14) : null)
            : Partition(bytes, SifPartitionType.Data);
        SifEditor.Add(Image, added, new() { GrowTable = true });
    }

    private void Make(params SifNewObject[] objects) => SifWriter.Create(Image, Deterministic, objects);

    private static SifNewObject Linked(uint id) => new()
    {
        DataType = SifDataType.GenericJson,
        Content = SifContent.FromBytes("{}"u8.ToArray()),
        LinkedId = id,
        Name = "linked",
        GroupId = 7,
    };

    // All that must not change: ids, types, groups, links, names, order, bytes.
    private string State()
    {
        using var image = SifImage.Open(Image);
        return string.Join('\n', image.Objects.Select(o =>
        {
            var data = new byte[o.SizeBytes];
            o.OpenData().Read(0, data);
            return $"{o.Id} {o.Slot} {o.TypeText} {o.GroupId} {o.LinkedId} {o.Name} {Hash(data)}";
        }));
    }

    private string Stat(string format) => Machine.Run("stat", "-c", format, Image).Output.Trim();

    private sealed class Stopping(CancellationTokenSource stop) : IProgress<EngineProgress>
    {
        public void Report(EngineProgress value) => stop.Cancel();
    }
}
