using System.Globalization;
using OverlayTools.Core.Tests.Containers;
using OverlayTools.Core.Tests.Ext;
using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.Overlays;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Overlays;

/// <summary>What the inspector says, held against what e2fsprogs and the kernel say.</summary>
public sealed class OverlayInspectorTests(ITestOutputHelper output) : IDisposable
{
    private const long MiB = 1 << 20;

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Numbers_times_and_features_are_those_of_dumpe2fs()
    {
        Machine.NeedTool("dumpe2fs");
        var image = Ext3Image.MadeByMke2fs(_directory, 40 * MiB, "-L", "a label", "-m", "3", "-N", "3000", "-b", "2048");
        if (Machine.IsRoot)
            image.Mounted("rw", point => File.WriteAllBytes(point + "/f", new byte[3 * MiB]));
        Set(image, "error_count 3", "first_error_time 20260102030405", "first_error_func ext4_lookup", "first_error_line 1760",
            "first_error_ino 12", "last_error_time 20260203040506", "last_error_func ext4_iget", "last_error_block 77");
        var found = Inspect(image);
        var dump = image.Dump("-h");
        Assert.Equal(Field(dump, "Block count") * 2048, found.SizeBytes);
        Assert.Equal(Field(dump, "Free blocks") * 2048, found.FreeBytes);
        Assert.Equal(found.SizeBytes - found.FreeBytes, found.UsedBytes);
        Assert.Equal(Field(dump, "Reserved block count") * 2048, found.ReservedBytes);
        Assert.Equal(found.FreeBytes - found.ReservedBytes, found.AvailableBytes);
        Assert.Equal(Field(dump, "Inode count"), found.InodeCount);
        Assert.Equal(Field(dump, "Free inodes"), found.FreeInodeCount);
        Assert.Equal(Text(dump, "Filesystem volume name"), found.Label);
        Assert.Equal(Text(dump, "Filesystem UUID"), found.Uuid.ToString());
        Assert.Equal(Text(dump, "Filesystem features").Split(' '), found.Features);
        Assert.Equal(Field(dump, "Mount count"), found.MountCount);
        AssertTime(Text(dump, "Filesystem created"), found.Created);
        AssertTime(Text(dump, "Last mount time"), found.LastMounted);
        AssertTime(Text(dump, "Last write time"), found.LastWritten);
        AssertTime(Text(dump, "Last checked"), found.LastChecked);
        Assert.Equal(Field(dump, "FS Error count"), found.ErrorCount);
        AssertTime(Text(dump, "First error time"), found.FirstError?.Time);
        AssertTime(Text(dump, "Last error time"), found.LastError?.Time);
        Assert.Equal(("ext4_lookup", 1760u, 12u), (found.FirstError!.Function, found.FirstError.Line, found.FirstError.Inode));
        Assert.Equal(("ext4_iget", 77ul), (found.LastError!.Function, found.LastError.Block));
        Assert.Equal(OverlayState.Errors, found.State);
        Assert.Equal(long.Parse(Machine.Run("stat", "-c", "%b", image.Path).Output, CultureInfo.InvariantCulture) * 512, found.AllocatedBytes);
        Assert.Equal(OverlayUse.Free, found.Use);
        Assert.Empty(found.UseText);
    }

    [Fact]
    public void Upper_and_work_are_described_with_owner_and_mode()
    {
        var root = ExtNode.Directory(0x1ED, 0, 0);
        root.Add("upper", ExtNode.Directory(0b111_101_000, 70000, 80000));
        root.Add("work", ExtNode.Directory(0b111_000_000, 5, 6));
        var found = Inspect(Ext3Image.Made(_directory, 8 * MiB, root));
        Assert.Equal(("70000:80000", "5:6"), (found.Owner, found.WorkOwner));
        Assert.Equal(((UnixFileMode)0b111_101_000, (UnixFileMode)0b111_000_000), (found.UpperMode, found.WorkMode));
        Assert.Equal((OverlayState.Clean, ExtJournalState.Clean, true), (found.State, found.Journal, found.IsAcceptedByApptainer));

        var bare = Inspect(Ext3Image.Made(_directory, 8 * MiB, ExtNode.Directory(0x1ED, 0, 0)));
        Assert.Equal((string.Empty, string.Empty, null), (bare.Owner, bare.WorkOwner, bare.UpperMode));
        Assert.NotNull(bare.WritableAs);
    }

    [Theory]
    [InlineData("-O ^has_journal", "-has_journal", ExtJournalState.None)]
    [InlineData("-O extent,64bit,flex_bg,huge_file,dir_nlink,metadata_csum", "extent 64bit flex_bg huge_file dir_nlink metadata_csum", null)]
    [InlineData("-O huge_file", "huge_file", ExtJournalState.Clean)]
    public void What_Apptainer_refuses_is_named(string options, string refused, ExtJournalState? journal)
    {
        Machine.NeedTool("mke2fs");
        var image = Ext3Image.MadeByMke2fs(_directory, 16 * MiB, options.Split(' '));
        var found = Inspect(image);
        Assert.False(found.IsAcceptedByApptainer);
        Assert.Subset(found.RefusedFeatures.ToHashSet(), refused.Split(' ').ToHashSet());
        Assert.Equal(image.Field("Block count") * found.BlockSize, found.SizeBytes);
        Assert.Equal(image.Field("Free blocks") * found.BlockSize, found.FreeBytes);
        if (journal is not null)
            Assert.Equal(journal, found.Journal);
    }

    [Theory]
    [InlineData(1u)]
    [InlineData(2u)]
    public void A_dirty_image_is_shown_as_after_its_replay_and_is_not_changed(uint flags)
    {
        Machine.NeedRoot();
        Machine.NeedTool("e2fsck");
        var image = Ext3Image.MadeByMke2fs(_directory, 600 * MiB);
        DirtyImages.ByTheKernel(image, flags, new Random(7));
        var before = Digest(image.Path);
        var found = Inspect(image);
        Assert.Equal(before, Digest(image.Path));
        Assert.Equal((OverlayState.NeedsRecovery, ExtJournalState.NeedsRecovery, false), (found.State, found.Journal, found.IsStale));

        // What e2fsck makes of it: the counts of the groups, summed up.
        Machine.Run("e2fsck", "-fy", image.Path);
        Assert.Equal(image.Field("Free blocks") * found.BlockSize, found.FreeBytes);
        Assert.Equal(image.Field("Free inodes"), found.FreeInodeCount);
        Assert.Equal(OverlayState.Clean, Inspect(image).State);
    }

    [Fact]
    public void An_image_that_was_left_without_a_clean_end_or_with_an_aborted_journal_says_so()
    {
        Machine.NeedTool("debugfs");
        var image = DirtyImages.Small(_directory);
        Set(image, "state 0");
        Assert.Equal(OverlayState.Unchecked, Inspect(image).State);
        Set(image, "state 2");
        Assert.Equal(OverlayState.Errors, Inspect(image).State);

        using (var file = image.Open())
        {
            var window = new FileWindow(file);
            var log = JournalLog.Open(ExtFileSystem.Open(window));
            log.Superblock.Errno = unchecked((uint)-30);
            window.Write(log.SuperblockOffset, log.Superblock.Raw);
        }

        Set(image, "state 1");
        Assert.Equal((OverlayState.Errors, ExtJournalState.Aborted), (Inspect(image).State, Inspect(image).Journal));
    }

    [Fact]
    public void An_image_that_the_kernel_writes_can_be_looked_at()
    {
        Machine.NeedRoot();
        var image = Ext3Image.MadeByMke2fs(_directory, 24 * MiB);
        image.Mounted("rw", point =>
        {
            File.WriteAllText(point + "/f", "x");
            var found = Inspect(image);
            Assert.Equal((OverlayState.InUse, OverlayUse.Writing, true), (found.State, found.Use, found.IsStale));
            var user = Assert.Single(found.Users);
            Assert.Equal((ImageUseKind.Mount, ImageAccess.Write), (user.Kind, user.Access));
            // It is mounted in another namespace: whoever lives there is named.
            Assert.NotNull(user.ProcessId);
            Assert.StartsWith("/dev/loop", user.Device);
            Assert.EndsWith(user.MountPoint!, point);
        });
        Assert.Equal((OverlayState.Clean, OverlayUse.Free), (Inspect(image).State, Inspect(image).Use));
        image.Mounted("ro", _ => Assert.Equal((OverlayState.Clean, OverlayUse.Reading, ImageAccess.Read),
            (Inspect(image).State, Inspect(image).Use!.Value, Inspect(image).Users.Single().Access)));
    }

    [Fact]
    public void An_image_that_fuse2fs_serves_without_a_lock_is_in_use()
    {
        var image = Ext3Image.MadeByMke2fs(_directory, 24 * MiB);
        image.FuseMounted("rw,fakeroot", _ =>
        {
            var found = Inspect(image);
            Assert.Equal((OverlayState.InUse, OverlayUse.Writing), (found.State, found.Use));
            Assert.Equal(("fuse2fs", ImageUseKind.OpenFile), (found.Users.Single().ProcessName, found.Users.Single().Kind));
        });
    }

    [Fact]
    public void A_mark_that_nobody_s_lock_backs_is_stale()
    {
        var image = DirtyImages.Small(_directory);
        using (var file = image.Open())
            Assert.SkipWhen(WriterMark.Put(file, 0, Environment.ProcessId) is null, "needs user extended attributes");
        var found = Inspect(image);
        Assert.True(found.WriterMark!.IsStale);
        Assert.Contains("stale", found.UseText);
        using var writer = image.Open();
        Assert.True(RangeLock.Acquire(writer, image.Path, exclusive: true, 0, 0));
        Assert.False(Inspect(image).WriterMark!.IsStale);
    }

    [Fact]
    public void Modes_that_can_write_are_those_in_which_a_container_starts()
    {
        foreach (var subordinate in new[] { true, false })
        foreach (var owner in new (uint, uint)[] { (0, 0), (Plans.User, Plans.User), (Plans.User, 0), (0, Plans.User), (5, 6), (70000, 70000), (65536, 65536) })
        foreach (var user in new[] { 0u, Plans.User })
        {
            var count = subordinate ? 65536u : 0;
            var modes = new OverlayCaller(user, user, count, count).ModesFor(new OverlayOwner(owner.Item1, owner.Item2));
            foreach (var fakeRoot in new[] { true, false })
            {
                bool starts;
                try
                {
                    Plans.Of(Plans.Facts(user, subordinate), Plans.Squashfs, [Plans.Ext3("/o.img", owner: owner)],
                        Plans.Request with { FakeRoot = fakeRoot });
                    starts = true;
                }
                catch (EngineException error) when (error.ErrorId == ErrorIds.OverlayOwnerMismatch)
                {
                    starts = false;
                }

                var said = modes.HasFlag(fakeRoot ? OverlayWriteMode.FakeRoot : OverlayWriteMode.Plain);
                Assert.True(starts == said, $"user {user}, owner {owner}, subordinate {subordinate}, fake root {fakeRoot}: {modes}");
            }
        }
    }

    [Fact]
    public void Hostile_images_give_a_description_or_an_error()
    {
        var seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var image = DirtyImages.Small(_directory);
        using var file = image.Open();
        var original = new byte[64 << 10];
        RandomAccess.Read(file, original, 0);
        var described = 0;
        var inspector = new OverlayInspector();
        for (var i = 0; i < 400; i++)
        {
            var mutant = (byte[])original.Clone();
            // Superblock, descriptors, bitmaps, the first inodes.
            for (var n = random.Next(1, 6); n > 0; n--)
                mutant[random.Next(1024, i % 2 == 0 ? 2048 : original.Length)] = (byte)random.Next(256);
            RandomAccess.Write(file, mutant, 0);
            try
            {
                var found = inspector.Inspect(image.Path, null, TestContext.Current.CancellationToken).Single();
                Assert.InRange(found.UsedPercent, 0, 100);
                Assert.InRange(found.UsedInodePercent, 0, 100);
                described++;
            }
            catch (EngineException)
            {
                // It says what is wrong.
            }
        }

        Assert.InRange(described, 1, 400);
    }

    private static OverlayImage Inspect(Ext3Image image) =>
        new OverlayInspector().Inspect(image.Path, null, TestContext.Current.CancellationToken).Single();

    private static void Set(Ext3Image image, params string[] fields)
    {
        Machine.NeedTool("debugfs");
        foreach (var field in fields)
        {
            var (exit, _, error) = Machine.Run("debugfs", "-w", "-R", "ssv " + field, image.Path);
            Assert.True(exit == 0 && !error.Contains("nvalid", StringComparison.Ordinal), error);
        }
    }

    private static string Text(string dump, string name) =>
        dump.Split('\n').Single(line => line.StartsWith(name + ":", StringComparison.Ordinal))[(name.Length + 1)..].Trim();

    private static long Field(string dump, string name) => long.Parse(Text(dump, name), CultureInfo.InvariantCulture);

    private static void AssertTime(string dumped, DateTimeOffset? said)
    {
        if (dumped == "n/a")
        {
            Assert.Null(said);
            return;
        }

        var local = DateTime.ParseExact(dumped, "ddd MMM d HH:mm:ss yyyy", CultureInfo.InvariantCulture, DateTimeStyles.AllowWhiteSpaces);
        Assert.Equal(local, said?.LocalDateTime);
    }

    private static string Digest(string path)
    {
        using var file = File.OpenRead(path);
        return Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(file));
    }
}
