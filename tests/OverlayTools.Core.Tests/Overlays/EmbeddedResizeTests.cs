using System.Security.Cryptography;
using OverlayTools.Core.Tests.Ext;
using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.Overlays;
using OverlayTools.Sif;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Overlays;

/// <summary>Resizes overlays inside SIF images, judged by siftool, e2fsck and a kernel mount of the partition.</summary>
public sealed class EmbeddedResizeTests(ITestOutputHelper output) : IDisposable
{
    private const long MiB = 1 << 20;

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData(false, 100 * MiB)]
    [InlineData(true, 100 * MiB)]
    [InlineData(false, 30 * MiB)]
    [InlineData(true, 30 * MiB)]
    [InlineData(false, 40 * MiB + 12_345)]
    [InlineData(true, 3000 * MiB)]
    public void The_partition_gets_the_size_and_keeps_its_files_and_the_other_objects_theirs(bool followed, long size)
    {
        var path = Image(followed);
        var before = Facts(path);
        var image = OverlayResizer.Resize(new OverlayResizing { Path = path, Id = 3, SizeBytes = size }, null, Token);

        Assert.Equal((3u, size), (image.Id!.Value, Partition(path).SizeBytes));
        Assert.InRange(image.SizeBytes, size - 8 * MiB, size);
        Assert.Equal(before, Facts(path));
        AssertSound(path);
        var moved = followed && size > 40 * MiB;
        Assert.Equal(!moved, Partition(path).Offset < 32 * MiB);
        // The disk gets back what was given up.
        Assert.InRange(image.AllocatedBytes, 0, 20 * MiB);
        Assert.InRange(new FileInfo(path).Length, size, size + (followed ? 50 : 10) * MiB);
    }

    [Fact]
    public void To_the_minimum_and_back_and_with_other_inodes()
    {
        var path = Image(followed: true);
        var before = Facts(path);
        var least = OverlayResizer.MinimumSize(path, 3, Token);
        Assert.Equal(least, OverlayResizer.Resize(new OverlayResizing { Path = path, ToMinimumSize = true }, null, Token).SizeBytes);
        AssertSound(path);
        var uuid = Superblock(path).Uuid;
        var grown = OverlayResizer.Resize(new OverlayResizing { Path = path, GrowBy = 100 * MiB }, null, Token);
        Assert.Equal(least + 100 * MiB, Partition(path).SizeBytes);
        AssertSound(path);
        var rebuilt = OverlayResizer.Resize(new OverlayResizing { Path = path, InodeCount = 1000 }, null, Token);
        Assert.InRange(rebuilt.InodeCount, 1000, 1500);
        Assert.NotEqual(grown.InodeCount, rebuilt.InodeCount);
        Assert.Equal(uuid, Superblock(path).Uuid);
        AssertSound(path);
        Assert.Equal(before, Facts(path));
    }

    [Fact]
    public void A_signed_overlay_is_refused()
    {
        var path = Image(followed: true);
        // With a journal to replay: that would change it too.
        Ext3Image.Run("debugfs", "-w", "-R", "feature needs_recovery", $"{path}?offset={Partition(path).Offset}");
        SifEditor.Add(path, Sif.Samples.SignatureOf(1), token: Token);
        var before = Hash(path);
        var error = Assert.Throws<EngineException>(() => OverlayResizer.Resize(path, 100 * MiB, null, Token));
        Assert.Equal(ErrorIds.SifSigned, error.ErrorId);
        Assert.Equal(before, Hash(path));
    }

    [Theory]
    [InlineData(false, 60 * MiB)]
    [InlineData(true, 60 * MiB)]
    [InlineData(true, 25 * MiB)]
    [InlineData(false, 25 * MiB)]
    public void After_a_crash_siftool_lists_the_old_state_or_the_new_one_and_nothing_is_lost(bool followed, long size)
    {
        Machine.NeedTool("siftool");
        var seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var path = Image(followed);
        var pristine = _directory["pristine"];
        CrashStates.Copy(path, pristine);
        var others = OtherObjects(path);
        var content = Content(path);
        var before = List(path);

        RecordingWindow recording;
        using (var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite))
        {
            recording = new RecordingWindow(new FileWindow(file));
            var image = new EmbeddedImage(file, path, 3, recording);
            if (size > 40 * MiB)
                image.Grow(size, null, Token);
            else
                image.Shrink(size, null, Token);
        }

        var after = List(path);
        Assert.NotEqual(before, after);
        Assert.True(recording.Steps.Count > 20 && recording.Flushes > 8);
        var seen = new HashSet<string>();
        var states = CrashStates.Of(recording, random, 20).ToList();
        output.WriteLine($"{recording.Steps.Count} steps, {states.Count} states");
        foreach (var crash in states.Where((_, i) => i % 9 == 0 || i > states.Count - 12))
        {
            var state = _directory["state.sif"];
            crash.Make(pristine, state);
            var description = crash.Description;
            var listed = List(state);
            Assert.True(listed == before || listed == after, $"{description}: {listed}");
            seen.Add(listed);
            Assert.True(others == OtherObjects(state), description);
            using (var sif = SifImage.Open(state, Token))
                Assert.Null(sif.ModificationFault);
            var partition = Extract(state);
            var (exit, said, error) = Machine.Run("e2fsck", "-f", "-p", partition.Path);
            Assert.True(exit is 0 or 1, $"{description}: {said}{error}");
            Assert.True(content == ContentOf(partition), description);
        }

        Assert.Equal(2, seen.Count);
    }

    [Fact]
    public void Stopping_the_copy_leaves_the_image_as_it_was()
    {
        var path = Image(followed: true);
        var before = Hash(path);
        using var source = new CancellationTokenSource();
        var progress = new Stopper(source, "Copying the overlay");
        Assert.ThrowsAny<OperationCanceledException>(() => OverlayResizer.Resize(path, 100 * MiB, progress, source.Token));
        Assert.Equal(before, Hash(path));
    }

    [Fact]
    public void When_a_write_fails_while_it_grows_in_place_the_partition_is_as_long_as_its_file_system_will_be()
    {
        var pristine = Image(followed: false);
        var path = _directory["failing.sif"];
        var failures = 0;
        for (var writes = 0; ; writes += 4)
        {
            CrashStates.Copy(pristine, path);
            var failed = false;
            using (var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite))
            {
                try
                {
                    new EmbeddedImage(file, path, 3, new FailingWindow(new FileWindow(file), writes)).Grow(48 * MiB, null, Token);
                }
                catch (IOException)
                {
                    failed = true;
                }
            }

            var partition = Extract(path);
            var (exit, said, error) = Machine.Run("e2fsck", "-f", "-p", partition.Path);
            Assert.True(exit is 0 or 1, $"write {writes}: {said}{error}");
            if (!failed)
                break;
            failures++;
        }

        Assert.InRange(failures, 5, 1000);
    }

    /// <summary>A disk that has no room for one write, and has some again afterwards.</summary>
    private sealed class FailingWindow(Window inner, int writes) : Window
    {
        private int _left = writes;

        public override long Length => inner.Length;

        public override void Flush() => inner.Flush();

        public override long NextData(long position) => inner.NextData(position);

        public override void Clear(long position, long count) => inner.Clear(position, count);

        public override void SetLength(long length) => inner.SetLength(length);

        protected override void ReadCore(long position, Span<byte> buffer) => inner.Read(position, buffer);

        protected override void WriteCore(long position, ReadOnlySpan<byte> bytes)
        {
            if (_left-- == 0)
                throw new IOException("No space left on device", 28);
            inner.Write(position, bytes);
        }
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    // Objects 1: a root file system, 2: bytes, 3: the overlay of 40 MiB, 4: more bytes.
    private string Image(bool followed)
    {
        var path = _directory["image.sif"];
        var tree = SampleTree.Everything();
        using var overlay = SifContent.Written(40 * MiB, (window, _, token) =>
            ExtFormatter.Format(window, new ExtFormatOptions { Label = "kept" }, tree, null, token));
        List<SifNewObject> objects =
        [
            Sif.Samples.Primary(SampleTree.Bytes(1, 100_000)),
            Sif.Samples.Generic(SampleTree.Bytes(2, 777)),
            new SifNewObject
            {
                DataType = SifDataType.Partition,
                Content = overlay,
                Metadata = new SifPartitionMetadata(SifFileSystem.Ext3, SifPartitionType.Overlay, SifArchitecture.Amd64),
            },
        ];
        if (followed)
            objects.Add(Sif.Samples.Generic(SampleTree.Bytes(3, 5_001)));
        SifWriter.Create(path, new SifCreateOptions(), objects, token: Token);
        return path;
    }

    private static SifObject Partition(string path)
    {
        using var sif = SifImage.Open(path, Token);
        return sif.Find(3);
    }

    private string Facts(string path) => OtherObjects(path) + Content(path);

    private static string OtherObjects(string path)
    {
        using var sif = SifImage.Open(path, Token);
        var hashes = sif.Objects.Where(item => item.Id != 3).Select(item =>
        {
            var bytes = new byte[item.SizeBytes];
            item.OpenData().Read(0, bytes);
            return $"{item.Id} {item.TypeText} {item.PositionText} {Convert.ToHexString(SHA256.HashData(bytes))}";
        });
        return string.Join('\n', hashes);
    }

    private string Content(string path) => ContentOf(Extract(path));

    private static string ContentOf(Ext3Image image)
    {
        Machine.NeedRoot();
        var content = "";
        image.Mounted("ro", point => content = ExtShrinkerTests.FullDescription(point + "/upper"));
        return content;
    }

    private void AssertSound(string path)
    {
        Extract(path).AssertClean();
        using var sif = SifImage.Open(path, Token);
        Assert.Null(sif.ModificationFault);
        Assert.Equal(sif.DataSize, sif.Header.DataSize);
        Assert.Contains("Ext3/Overlay/amd64", List(path), StringComparison.Ordinal);
    }

    private ExtSuperblock Superblock(string path) => Extract(path).Read(fs => fs.Superblock);

    // By siftool, so that not we ourselves say where the partition is.
    private Ext3Image Extract(string path)
    {
        Machine.NeedTool("siftool");
        var target = _directory["partition"];
        Ext3Image.Run("sh", "-c", "siftool dump 3 \"$0\" | cp --sparse=always /dev/stdin \"$1\"", path, target);
        return new Ext3Image(target);
    }

    private static string List(string path) => Ext3Image.Run("siftool", "list", path);

    private static string Hash(string path)
    {
        using var stream = File.OpenRead(path);
        return Convert.ToHexString(SHA256.HashData(stream));
    }

    private sealed class Stopper(CancellationTokenSource source, string activity) : IProgress<EngineProgress>
    {
        public void Report(EngineProgress value)
        {
            if (value.Activity == activity)
                source.Cancel();
        }
    }
}
