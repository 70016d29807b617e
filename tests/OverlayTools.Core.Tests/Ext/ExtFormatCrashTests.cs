using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.Sif;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Ext;

/// <summary>
/// Cuts the recorded writes of formatting anywhere. A file of its own gets its name when all of it is on the disk; so it is
/// enough that what is not finished is not taken for a file system. In a SIF image, the object must be whole once it is
/// listed.
/// </summary>
public sealed class ExtFormatCrashTests(ITestOutputHelper output)
{
    private const long MiB = 1 << 20;

    [Theory]
    [InlineData(8 * MiB, false)]
    [InlineData(8 * MiB, true)]
    [InlineData(600 * MiB, false)]
    public void A_format_that_was_cut_is_no_file_system_or_a_whole_one(long size, bool overAnother)
    {
        Machine.NeedTool("e2fsck");
        using var directory = new TemporaryDirectory();
        var image = new Ext3Image(directory["image"]);
        File.WriteAllBytes(image.Path, []);
        var old = SampleTree.Bytes(1, (int)MiB);
        using (var file = image.Open())
        {
            RandomAccess.SetLength(file, size);
            for (var at = 0L; overAnother && at < size; at += MiB)
                RandomAccess.Write(file, old, at);
        }

        var pristine = directory["pristine"];
        CrashStates.Copy(image.Path, pristine);
        RecordingWindow recording;
        using (var file = image.Open())
        {
            recording = new RecordingWindow(new FileWindow(file));
            ExtFormatter.Format(recording, new ExtFormatOptions { MayHoldOldBytes = overAnother }, SampleTree.Everything(),
                null, TestContext.Current.CancellationToken);
        }

        image.AssertClean();
        Assert.True(recording.Writes.Count > 20, "nothing was recorded");
        var whole = 0;
        var count = recording.Steps.Count;
        foreach (var taken in Enumerable.Range(0, 30).Select(i => i * count / 30).Concat([count - 2, count - 1, count]).Distinct())
        {
            foreach (var torn in new[] { false, true })
            {
                var steps = recording.Steps.Take(taken).ToList();
                if (torn && (taken == 0 || !Tear(steps)))
                    continue;
                var state = new CrashStates($"after {taken} of {count}{(torn ? ", the last one torn" : "")}", steps);
                var crashed = state.Make(pristine, directory["state"]);
                if (!IsTakenForOne(crashed))
                    continue;
                crashed.AssertClean();
                whole++;
            }
        }

        output.WriteLine($"{whole} states were whole");
        Assert.InRange(whole, 1, 3);
    }

    [Fact]
    public void An_overlay_in_a_SIF_image_is_whole_once_it_is_listed()
    {
        Machine.NeedTool("e2fsck");
        var seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        using var directory = new TemporaryDirectory();
        var path = directory["image.sif"];
        SifWriter.Create(path, new SifCreateOptions(),
            [new SifNewObject
            {
                DataType = SifDataType.Partition,
                Content = SifContent.FromBytes(SampleTree.Bytes(1, 50_000)),
                GroupId = 1,
                Metadata = new SifPartitionMetadata(SifFileSystem.Squashfs, SifPartitionType.PrimarySystem, SifArchitecture.Amd64),
            }], token: TestContext.Current.CancellationToken);
        var pristine = directory["pristine"];
        CrashStates.Copy(path, pristine);
        RecordingWindow recording;
        using (var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite))
        {
            recording = new RecordingWindow(new FileWindow(file));
            SifEditor.Add(recording, path, Overlay(), token: TestContext.Current.CancellationToken);
        }

        Assert.True(recording.Writes.Count > 20 && recording.Flushes >= 4, "nothing was recorded");
        var seen = new HashSet<int>();
        foreach (var state in CrashStates.Of(recording, new Random(seed), 20))
        {
            state.Make(pristine, directory["state"]);
            seen.Add(AssertWhole(directory["state"], directory, state.Description));
        }

        Assert.Equal([1, 2], seen.Order());
    }

    private static int AssertWhole(string path, TemporaryDirectory directory, string description)
    {
        using var sif = SifImage.Open(path);
        var first = sif.Objects[0];
        using var file = File.OpenHandle(path);
        var bytes = new byte[50_000];
        new FileWindow(file, first.Offset, first.SizeBytes).Read(0, bytes);
        Assert.True(bytes.AsSpan().SequenceEqual(SampleTree.Bytes(1, 50_000)), $"{description}: the first object changed");
        foreach (var overlay in sif.Objects.Skip(1))
        {
            Assert.True(overlay.Fault is null, $"{description}: {overlay.Fault}");
            var content = new byte[overlay.SizeBytes];
            new FileWindow(file, overlay.Offset, overlay.SizeBytes).Read(0, content);
            File.WriteAllBytes(directory["part"], content);
            new Ext3Image(directory["part"]).AssertClean();
        }

        return sif.Objects.Count;
    }

    private static SifNewObject Overlay() => new()
    {
        DataType = SifDataType.Partition,
        Content = SifContent.Written(8 * MiB, (window, progress, token) =>
            ExtFormatter.Format(window, new ExtFormatOptions(), SampleTree.Everything(), progress, token)),
        GroupId = 1,
        Metadata = new SifPartitionMetadata(SifFileSystem.Ext3, SifPartitionType.Overlay, SifArchitecture.Amd64),
    };

    private static bool Tear(List<RecordingWindow.Step> steps)
    {
        var last = steps[^1].Bytes;
        if (last.Length > 512)
            steps[^1] = steps[^1] with { Bytes = last[..(last.Length / 2 / 512 * 512)] };
        return last.Length > 512;
    }

    // As e2fsck and the kernel do, by the magic number.
    private static bool IsTakenForOne(Ext3Image image)
    {
        using var file = image.Open();
        Span<byte> magic = stackalloc byte[2];
        return RandomAccess.Read(file, magic, 1024 + 0x38) == 2 && magic is [0x53, 0xEF];
    }
}
