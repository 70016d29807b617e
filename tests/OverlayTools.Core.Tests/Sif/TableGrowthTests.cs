using OverlayTools.IO;
using OverlayTools.Sif;
using OverlayTools.TestSupport;
using static OverlayTools.Core.Tests.Sif.Samples;

namespace OverlayTools.Core.Tests.Sif;

/// <summary>A full table grows, and the tools that know nothing of that go on working.</summary>
public sealed class TableGrowthTests
{
    private static readonly SifChangeOptions s_grow = new() { GrowTable = true };

    [Fact]
    public void A_full_table_moves_behind_the_objects()
    {
        var full = Create(new() { Capacity = 2, Deterministic = true }, Generic(Face), Primary(Feed));
        using var before = Open(full);
        using var image = Open(Add(full, Generic(Feed), s_grow));

        Assert.Equal(50, image.Capacity);
        Assert.Equal(47, image.FreeDescriptors);
        // Behind the last object, in the lower two bytes where it was: the header gets there byte by byte.
        Assert.Equal(4096 + (1 << 16), image.Header.DescriptorsOffset);
        Assert.True(image.Header.DescriptorsOffset > before.Objects[1].End);
        Assert.Equal(image.Header.DescriptorsOffset + (50 * SifDescriptor.Size), image.Header.DataOffset);
        Assert.Equal(image.Header.DataOffset, image.Objects[2].Offset);
        Assert.Equal([1u, 2u, 3u], image.Objects.Select(o => o.Id));
        Assert.Null(image.ModificationFault);
    }

    [Fact]
    public void A_table_with_room_stays_where_it_is() =>
        Assert.Equal(Add(OneGroup(), Generic(Feed)), Add(OneGroup(), Generic(Feed), s_grow));

    [Fact]
    public void An_image_without_slots_gets_some()
    {
        using var image = Open(Add(Create(new() { Capacity = 0 }), Generic(Feed), s_grow));

        Assert.Equal(48, image.Capacity);
        Assert.Equal(4096, image.Header.DescriptorsOffset);
        Assert.Equal(32176, Assert.Single(image.Objects).Offset);
    }

    [Fact]
    public void A_refused_or_stopped_object_leaves_the_old_table()
    {
        var full = Create(new() { Capacity = 1, Deterministic = true }, Primary(Face));
        var file = new RecordingWindow(full);
        GoldenTests.Fails(ErrorIds.SifPrimaryPartitionExists, () => SifEditor.Add(file, ImagePath, Primary(Feed), s_grow));
        Assert.Empty(file.Changes);

        using var stop = new CancellationTokenSource();
        using var content = SifContent.Written(5000, (_, _, _) => stop.Cancel());
        Assert.Throws<OperationCanceledException>(() => SifEditor.Add(file, ImagePath,
            new() { DataType = SifDataType.Generic, Content = content }, s_grow, token: stop.Token));
        Assert.Equal(full, file.Bytes);
    }

    [Theory]
    [InlineData("siftool")]
    [InlineData("apptainer")]
    public void Other_tools_read_and_change_an_image_whose_table_grew_twice(string tool)
    {
        using var directory = new TemporaryDirectory();
        var program = tool;
        if (tool == "siftool")
            Machine.NeedTool(tool);
        else
            program = Machine.NeedApptainer();
        var path = directory["image.sif"];
        SifWriter.Create(path, new() { Capacity = 1 }, [Primary(new byte[9000])],
            token: TestContext.Current.CancellationToken);
        for (var i = 0; i < 120; i++)
            SifEditor.Add(path, Generic([(byte)i]), s_grow, token: TestContext.Current.CancellationToken);

        Assert.Equal(Render(path), Tool("list", path));
        File.WriteAllText(directory["added"], "hello");
        Tool("add", path, directory["added"], "--datatype", "7");
        Tool("add", path, directory["added"], "--datatype", "4", "--partfs", "2", "--parttype", "4", "--partarch", "2",
            "--groupid", "1");
        Tool("del", "5", path);
        Tool("add", path, directory["added"], "--datatype", "7");

        Assert.Equal(Render(path), Tool("list", path));
        using var image = SifImage.Open(path, TestContext.Current.CancellationToken);
        Assert.Null(image.ModificationFault);
        Assert.Equal(123, image.Objects.Count);
        for (uint id = 2; id <= 121; id++)
            Assert.Equal(id == 5 ? "hello"u8.ToArray() : [(byte)(id - 2)], Data(image.Find(id)));
        Assert.Equal("hello", Tool("dump", "123", path));

        string Tool(params string[] arguments)
        {
            var (exit, output, error) = Machine.Run(program,
                tool == "apptainer" ? ["sif", .. arguments] : arguments);
            Assert.True(exit == 0, error);
            return output;
        }
    }

    [Theory]
    [InlineData(20_000_000, 48)]
    [InlineData(5_368_709_120, 48)]
    [InlineData(5_368_709_120, 300)]
    [InlineData(0x01FF_F000, 2)]
    public void On_the_way_to_a_longer_table_each_byte_leads_to_one(long size, int slots)
    {
        using var directory = new TemporaryDirectory();
        var path = directory["image.sif"];
        using var big = SifContent.Written(size, (window, _, _) => window.Write(size - 2, Face));
        SifWriter.Create(path, new() { Capacity = slots }, [new() { DataType = SifDataType.Generic, Content = big },
            .. Enumerable.Range(1, slots - 1).Select(_ => Generic(Feed))], token: TestContext.Current.CancellationToken);
        var steps = new List<(long Place, long Capacity)>();
        using (var file = Native.Open.File(path, Native.Open.ReadWrite))
        {
            var watched = new WatchedWindow(new FileWindow(file), window =>
            {
                using var seen = SifImage.Open(window, path);
                Assert.Null(seen.ModificationFault);
                Assert.Equal(slots, seen.Objects.Count(o => o.SizeBytes == 2 || o.SizeBytes == size));
                steps.Add((seen.Header.DescriptorsOffset, seen.Capacity));
            });
            SifEditor.Add(watched, path, Partition([], SifPartitionType.Data), s_grow,
                token: TestContext.Current.CancellationToken);
        }

        using var image = SifImage.Open(path, TestContext.Current.CancellationToken);
        Assert.Equal(slots + 1, image.Objects.Count);
        Assert.True(image.Capacity >= 2 * slots);
        Assert.InRange(image.Header.DescriptorsOffset, size, size + (1 << 25));
        Assert.Equal(image.Header.TableEnd, image.Header.DataOffset);
        Assert.True(steps.Select(step => step.Place).Distinct().Count() > 2);
        Assert.True(image.Length < size + (1 << 26));
        Assert.True(image.AllocatedBytes < 1 << 20, "the holes were filled");
    }

    private static string Render(string path)
    {
        using var image = SifImage.Open(path, TestContext.Current.CancellationToken);
        return SiftoolTable.Render(image.Objects);
    }

    private static byte[] Data(SifObject found)
    {
        var data = new byte[found.SizeBytes];
        found.OpenData().Read(0, data);
        return data;
    }

    /// <summary>Looks at the file after each flush.</summary>
    private sealed class WatchedWindow(Window file, Action<Window> look) : Window
    {
        public override long Length => file.Length;

        public override long NextData(long position) => file.NextData(position);

        public override void Flush() => look(file);

        public override void SetLength(long length) => file.SetLength(length);

        public override void Clear(long position, long count) => file.Clear(position, count);

        protected override void ReadCore(long position, Span<byte> buffer) => file.Read(position, buffer);

        protected override void WriteCore(long position, ReadOnlySpan<byte> bytes) => file.Write(position, bytes);
    }
}
