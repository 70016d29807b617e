using OverlayTools.IO;
using OverlayTools.Sif;
using OverlayTools.TestSupport;
using static OverlayTools.Core.Tests.Sif.Samples;

namespace OverlayTools.Core.Tests.Sif;

/// <summary>The power fails, or a write does, at any moment of a change other than a plain addition.</summary>
public sealed class ChangeCrashTests
{
    private static readonly int[] s_tornAfter = [1, 4, 5, 9, 17, 46, 73, 81, 97, 98, 113, 114, 121, 206, 300, 500];

    private static readonly byte[] s_image = Create(Deterministic, Generic(Face), Primary(Feed),
        Partition([0xAB, 0xCD], SifPartitionType.System, SifArchitecture.Amd64), Generic(new byte[5000]));

    private static readonly byte[] s_full = Create(new SifCreateOptions { Capacity = 2, Deterministic = true },
        Generic(Face), Primary(Feed));

    private static readonly byte[] s_twoGroups = Create(Deterministic, Generic(Face), Primary(Feed),
        Partition(Feed, SifPartitionType.Data, group: 2));

    // Behind the last object is what a removal left there.
    private static readonly byte[] s_left = Patch(Create(new SifCreateOptions { Capacity = 3, Deterministic = true },
        Generic(Face), Primary(Feed), Generic([.. Enumerable.Repeat((byte)0xAA, 100_000)])),
        4096 + (2 * 585) + 4, 0);

    private static readonly byte[] s_fullAndLeft = Patch(Patch(s_left, 80, 0L), 88, 2L) is var cut
        ? Patch(cut, 104, 2L * 585) : [];

    private static readonly byte[] s_blob = Create(Deterministic, new SifNewObject
    {
        DataType = SifDataType.CryptographicMessage,
        Content = SifContent.FromBytes(Face),
        Metadata = new SifMessageMetadata(SifMessageFormat.OpenPgp, SifMessageType.ClearSignature),
    }, Primary(Feed));

    private static readonly Dictionary<string, (byte[] Image, Action<Window> Change)> s_changes = new()
    {
        ["remove"] = (s_image, file => SifEditor.Remove(file, ImagePath, [1])),
        ["remove and zero"] = (s_image, file => SifEditor.Remove(file, ImagePath, [3], new() { Zero = true })),
        ["remove the last and cut"] =
            (s_image, file => SifEditor.Remove(file, ImagePath, [4], new() { Zero = true, Compact = true })),
        ["remove several"] =
            (s_image, file => SifEditor.Remove(file, ImagePath, [4, 1, 2], new() { Compact = true, Force = true })),
        ["set primary"] = (s_image, file => SifEditor.SetPrimary(file, ImagePath, 3)),
        ["set metadata"] = (s_blob, file => SifEditor.SetMetadata(file, ImagePath, 1,
            new SifMessageMetadata(SifMessageFormat.Pem, SifMessageType.RsaOaep))),
        ["sign two groups"] =
            (s_twoGroups, file => SifEditor.AddAll(file, ImagePath, [SignatureOf(1), SignatureOf(2)])),
        ["add over what was left"] = (s_left, file => SifEditor.Add(file, ImagePath, Generic(new byte[50_000]))),
        ["grow over what was left"] = (s_fullAndLeft, file =>
            SifEditor.Add(file, ImagePath, Generic(new byte[200_000]), new() { GrowTable = true })),
        ["grow"] = (s_full, file => SifEditor.Add(file, ImagePath, Generic(new byte[700]), new() { GrowTable = true })),
    };

    public static TheoryData<string> Changes => [.. s_changes.Keys];

    [Theory]
    [MemberData(nameof(Changes))]
    public void Siftool_lists_the_old_state_or_the_new_one_and_no_object_changes(string name)
    {
        Machine.NeedTool("siftool");
        using var directory = new TemporaryDirectory();
        var (image, change) = s_changes[name];
        var file = new RecordingWindow(image);
        change(file);
        var states = new[] { List(directory, image), List(directory, file.Bytes) };
        var contents = Contents(image).Concat(Contents(file.Bytes)).ToHashSet();

        Assert.NotEqual(states[0], states[1]);
        var seen = new HashSet<string>();
        foreach (var crashed in Crashes(file))
        {
            var listed = List(directory, crashed);
            Assert.Contains(listed, states);
            seen.Add(listed);
            using var read = Open(crashed);
            Assert.Equal(listed, SiftoolTable.Render(read.Objects));
            Assert.Null(read.ModificationFault);
            Assert.Subset(contents, Contents(crashed).ToHashSet());
            // The next change makes right whatever was left stale.
            var next = Add(crashed, Partition(Feed, SifPartitionType.Data, group: 9), new() { GrowTable = true });
            using var mended = Open(next);
            Assert.Equal(mended.FreeDescriptors, mended.Header.DescriptorsFree);
            Assert.Equal(mended.DataSize, mended.Header.DataSize);
            Assert.Superset(Contents(crashed).ToHashSet(), Contents(next).ToHashSet());
        }

        Assert.Equal(2, seen.Count);
    }

    [Theory]
    [MemberData(nameof(Changes))]
    public void A_broken_write_leaves_the_old_bytes_or_the_new_objects(string name)
    {
        var (image, change) = s_changes[name];
        var whole = new RecordingWindow(image);
        change(whole);
        for (var failing = 0; failing < whole.Changes.Count; failing++)
        {
            var file = new RecordingWindow(image) { FailAt = failing };
            Assert.Throws<IOException>(() => change(file));
            if (Contents(file.Bytes).SequenceEqual(Contents(image)))
                Assert.Equal(image, file.Bytes);
            else
                Assert.Equal(Contents(whole.Bytes), Contents(file.Bytes));
        }
    }

    [Theory]
    [InlineData(4096, 5000, 0x1400)]
    [InlineData(4096, 4096, 4096)]
    [InlineData(4096, 0xFFFF, 0x011000)]
    [InlineData(4096, 0x12345678, 0x13001000)]
    [InlineData(32176, 5L << 32, (5L << 32) + 32176)]
    [InlineData(4096, (5L << 32) + 4097, (6L << 32) + 4096)]
    public void A_place_that_one_byte_leads_to(long from, long least, long expected) =>
        Assert.Equal(expected, SifByteSteps.OneByteAbove(from, least));

    // Every write of the header is torn at every byte.
    private static IEnumerable<byte[]> Crashes(RecordingWindow file)
    {
        for (var changes = 0; changes <= file.Changes.Count; changes++)
        {
            yield return file.After(changes);
            if (changes == 0 || file.Changes[changes - 1] is not { Bytes: { } last } change)
                continue;
            foreach (var bytes in (change.Position < SifHeader.Size ? Enumerable.Range(1, SifHeader.Size) : s_tornAfter)
                .Where(bytes => bytes < last.Length))
                yield return file.After(changes, bytes);
        }
    }

    private static IEnumerable<string> Contents(byte[] bytes)
    {
        using var image = Open(bytes);
        return [.. image.Objects.Select(o => $"{o.Id} {o.TypeText} {Hash(Data(o))}")];
    }

    private static byte[] Data(SifObject found)
    {
        var data = new byte[found.SizeBytes];
        found.OpenData().Read(0, data);
        return data;
    }

    private static string List(TemporaryDirectory directory, byte[] image)
    {
        File.WriteAllBytes(directory["crashed.sif"], image);
        var (exit, output, error) = Machine.Run("siftool", "list", directory["crashed.sif"]);
        Assert.True(exit == 0, error);
        return output;
    }
}
