using OverlayTools.Core.Tests.Ext;
using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.IO;

/// <summary>Windows: where their data is, and writes that are joined.</summary>
public sealed class WindowTests
{
    private const int MiB = 1 << 20;

    [Fact]
    public void Data_after_a_hole_is_found_from_every_window_on_it()
    {
        using var directory = new TemporaryDirectory();
        using var file = File.OpenHandle(directory["sparse"], FileMode.CreateNew, FileAccess.ReadWrite);
        RandomAccess.SetLength(file, 64 * MiB);
        RandomAccess.Write(file, [1], 32 * MiB);
        var whole = new FileWindow(file);
        // Where no holes are known, every position is one where data may be.
        var knowsHoles = whole.NextData(0) > 0;
        Assert.SkipUnless(knowsHoles, "needs a file system that knows holes");

        Assert.Equal(32 * MiB, whole.NextData(0));
        Assert.Equal(32 * MiB, whole.NextData(32 * MiB));
        Assert.Equal(64 * MiB, whole.NextData(40 * MiB));
        Assert.Equal(64 * MiB, whole.NextData(64 * MiB));
        Assert.Equal(12 * MiB, new FileWindow(file, 20 * MiB, 30 * MiB).NextData(MiB));
        Assert.Equal(5 * MiB, new FileWindow(file, 20 * MiB, 5 * MiB).NextData(0));
        Assert.Equal(12 * MiB, new SubWindow(whole, 20 * MiB, 30 * MiB).NextData(MiB));
        Assert.Equal(5 * MiB, new SubWindow(whole, 20 * MiB, 5 * MiB).NextData(0));
    }

    [Fact]
    public void What_a_journal_holds_for_a_hole_is_data()
    {
        using var directory = new TemporaryDirectory();
        using var file = File.OpenHandle(directory["sparse"], FileMode.CreateNew, FileAccess.ReadWrite);
        RandomAccess.SetLength(file, 64 * MiB);
        var inner = new FileWindow(file);
        var view = new ReplayedWindow(inner, 4096, new Dictionary<uint, (long, bool)> { [2000] = (0, false), [900] = (4096, false) });
        view.Patch(50 * MiB, [1, 2, 3]);
        Assert.SkipUnless(inner.NextData(0) > 0, "needs a file system that knows holes");

        Assert.Equal(900 * 4096, view.NextData(0));
        Assert.Equal(900 * 4096 + 7, view.NextData(900 * 4096 + 7));
        Assert.Equal(2000 * 4096, view.NextData(901 * 4096));
        Assert.Equal(50 * MiB, view.NextData(2001 * 4096));
        Assert.Equal(50 * MiB + 2, view.NextData(50 * MiB + 2));
        Assert.Equal(64 * MiB, view.NextData(50 * MiB + 3));
    }

    [Fact]
    public void Joined_writes_arrive_in_their_order_and_say_the_same()
    {
        using var directory = new TemporaryDirectory();
        using var file = File.OpenHandle(directory["joined"], FileMode.CreateNew, FileAccess.ReadWrite);
        RandomAccess.SetLength(file, MiB);
        var recording = new RecordingWindow(new FileWindow(file));
        var joined = new GatheringWindow(recording);
        var expected = new byte[MiB];
        var random = new Random(1);
        var at = 0;
        for (var i = 0; i < 500; i++)
        {
            // Most follow the one before; some go over it again.
            at = random.Next(5) == 0 ? random.Next(MiB - 100_000) : Math.Min(at, MiB - 100_000);
            var bytes = SampleTree.Bytes(i, random.Next(20) == 0 ? random.Next(100_000) : random.Next(5000));
            joined.Write(at, bytes);
            bytes.CopyTo(expected, at);
            at += bytes.Length;
        }

        var seen = new byte[100];
        joined.Read(at - 100, seen);
        Assert.Equal(expected[(at - 100)..at], seen);
        joined.Drain();
        Assert.Equal(expected, File.ReadAllBytes(directory["joined"]));
        Assert.InRange(recording.Writes.Count, 50, 300);
    }
}
