using OverlayTools.Sif;
using OverlayTools.TestSupport;
using static OverlayTools.Core.Tests.Sif.Samples;

namespace OverlayTools.Core.Tests.Sif;

/// <summary>Tables with far more slots than anybody uses.</summary>
public sealed class HugeTableTests : IDisposable
{
    private const long MostAllocated = 64L << 20;

    private readonly TemporaryDirectory _directory = new();

    private string Image => _directory["image.sif"];

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void A_table_of_all_slots_that_the_format_has_takes_neither_memory_nor_time_where_it_is_a_hole()
    {
        SifWriter.Create(Image, new() { Capacity = SifLayout.MostSlots, Deterministic = true },
            [Generic(Face), Primary(Feed)], token: TestContext.Current.CancellationToken);
        using (var file = Native.Open.File(Image, Native.Open.ReadWrite))
        {
            // Used slots far behind the first.
            var slot = new byte[SifDescriptor.Size];
            new SifDescriptor { DataType = 0x4007, Used = 1, Id = 77, Offset = 1L << 62 }.Write(slot);
            foreach (var number in new[] { 1_000_000L, SifLayout.MostSlots - 1 })
                RandomAccess.Write(file, slot, 4096 + (number * SifDescriptor.Size));
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        using var image = SifImage.Open(Image, TestContext.Current.CancellationToken);
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.Equal([0, 1, 1_000_000, SifLayout.MostSlots - 1], image.Objects.Select(o => o.Slot));
        Assert.True(allocated < 1 << 20, $"{allocated} bytes were allocated");
    }

    [Theory]
    [InlineData(SifLayout.MostObjects, false)]
    [InlineData(SifLayout.MostObjects, true)]
    [InlineData(SifLayout.MostObjects + 1, true)]
    [InlineData(200_000, false)]
    [InlineData(200_000, true)]
    public void A_table_full_of_objects_stays_within_64_MiB(int slots, bool misplaced)
    {
        Fill(slots, misplaced);
        var before = GC.GetAllocatedBytesForCurrentThread();

        var error = Record.Exception(() =>
        {
            using var image = SifImage.Open(Image, TestContext.Current.CancellationToken);
            Assert.Equal(slots, image.Objects.Count);
            Assert.Equal(misplaced, image.ModificationFault is not null);
        });

        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        TestContext.Current.TestOutputHelper?.WriteLine($"{allocated} bytes allocated");
        Assert.True(allocated < MostAllocated, $"{allocated} bytes were allocated");
        if (slots <= SifLayout.MostObjects)
        {
            Assert.Null(error);
            return;
        }

        var refused = Assert.IsType<EngineException>(error);
        Assert.Equal(ErrorIds.SifTooManyObjects, refused.ErrorId);
        Assert.Contains($"offset {4096 + ((long)SifLayout.MostObjects * SifDescriptor.Size)}", refused.Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void An_image_gets_no_more_objects_than_can_be_read_again()
    {
        Fill(SifLayout.MostObjects, misplaced: false, free: 1);

        foreach (var grow in new[] { false, true })
            GoldenTests.Fails(ErrorIds.SifNoFreeDescriptor,
                () => SifEditor.Add(Image, Generic(Face), new() { GrowTable = grow }));
    }

    private void Fill(int slots, bool misplaced, int free = 0)
    {
        SifWriter.Create(Image, new() { Capacity = slots + free, Deterministic = true }, [],
            token: TestContext.Current.CancellationToken);
        using var file = File.Open(Image, FileMode.Open);
        file.Position = 4096;
        var slot = new byte[SifDescriptor.Size];
        for (var i = 0; i < slots; i++)
        {
            var descriptor = new SifDescriptor
            {
                DataType = SifObject.TypeBase + 4,
                Used = 1,
                Id = (uint)i + 1,
                Offset = misplaced ? long.MaxValue - 1 : 4096 + ((long)(slots + free) * SifDescriptor.Size),
                DataSize = misplaced ? long.MaxValue : 0,
            };
            descriptor.Write(slot);
            file.Write(slot);
        }
    }
}
