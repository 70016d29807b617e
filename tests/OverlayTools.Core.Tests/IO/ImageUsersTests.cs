using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using OverlayTools.IO;
using OverlayTools.Native;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.IO;

public sealed class ImageUsersTests : IDisposable
{
    private readonly TemporaryDirectory _folder = new();
    private readonly List<int> _children = [];

    public ImageUsersTests()
    {
        File.WriteAllBytes(_folder["image"], new byte[65536]);
        File.WriteAllBytes(_folder["other"], new byte[65536]);
    }

    public void Dispose()
    {
        foreach (var child in _children)
        {
            Processes.Signal(child, Processes.Kill);
            Processes.Wait(child, block: true);
        }

        _folder.Dispose();
    }

    [Theory]
    [InlineData("1: OFDLCK  ADVISORY  WRITE -1 fe:00:131 0 EOF", ImageUseKind.OfdLock, true, -1, 131, 0, null)]
    [InlineData("lock:\t2: POSIX  ADVISORY  READ 3568 08:1a:2531452 4096 8191", ImageUseKind.PosixLock, false, 3568, 2531452, 4096, 8191L)]
    [InlineData("3: FLOCK  ADVISORY  WRITE 18 00:2d:7 0 EOF", ImageUseKind.Flock, true, 18, 7, 0, null)]
    public void A_line_is_a_lock(string line, ImageUseKind kind, bool writes, int process, int inode, long start, long? end)
    {
        var held = Assert.NotNull(FileLockLine.Parse(line));
        Assert.Equal((kind, writes, process, (ulong)inode, start, end), (held.Kind, held.Writes, held.ProcessId, held.Inode, held.Start, held.End));
    }

    [Theory]
    [InlineData("")]
    [InlineData("1: -> POSIX  ADVISORY  WRITE 3568 08:1a:2531452 0 EOF")]
    [InlineData("4: LEASE  ACTIVE    READ 3568 08:1a:2531452 0 EOF")]
    [InlineData("1: OFDLCK  ADVISORY  WRITE -1")]
    [InlineData("1: OFDLCK  ADVISORY  WRITE x fe:00:131 0 EOF")]
    public void A_waiter_and_nonsense_are_none(string line) => Assert.Null(FileLockLine.Parse(line));

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_process_with_an_inherited_lock_is_known_by_name_user_job_and_command(bool exclusive)
    {
        using (var file = Open("image"))
        {
            Assert.True(RangeLock.Acquire(file, _folder["image"], exclusive, 4096, 4096));
            Hold(file, "SLURM_JOB_ID=4242");
        }

        using var asked = Open("image");
        var users = ImageUsers.Look();
        Assert.Empty(users.Of(asked, 0, 4096));
        Assert.Empty(users.Of(asked, 8192, 0));
        using var other = Open("other");
        Assert.Empty(users.Of(other, 0, 0));

        var user = Assert.Single(users.Of(asked, 4096, 1));
        Assert.Equal(_children[0], user.ProcessId);
        Assert.Equal(Environment.ProcessId, user.ParentProcessId);
        Assert.Equal("sleep", user.ProcessName);
        Assert.Equal(exclusive ? ImageAccess.Write : ImageAccess.Read, user.Access);
        Assert.Equal(ImageUseKind.OfdLock, user.Kind);
        Assert.Equal(Environment.UserName, user.UserName);
        Assert.Equal("4242", user.SlurmJobId);
        Assert.EndsWith("sleep 1000", user.CommandLine);
        Assert.Equal(exclusive, FileLock.Query(asked, 4096, 4096));
        Assert.Null(FileLock.Query(asked, 0, 4096));
        Assert.Contains(exclusive ? "(sleep, writing) of user " : "(sleep, reading) of user ", user.ToString());
    }

    [Fact]
    public void Whoever_started_the_others_answers_for_them()
    {
        ImageUser[] users = [User(10, 1), User(11, 10), User(12, 11), User(20, 1), User(10, 1), Device("/dev/loop0"), Device("/dev/loop1")];
        Assert.Equal([10, 20, null, null], ImageUser.Principals(users).Select(user => user.ProcessId));
        Assert.Single(ImageUser.Principals([User(Environment.ProcessId, Environment.ProcessId - 1)]));

        static ImageUser User(int id, int parent) => new()
        {
            ProcessId = id, ParentProcessId = parent, ProcessName = "p", Access = ImageAccess.Write, Kind = ImageUseKind.OfdLock,
        };

        static ImageUser Device(string path) => new()
        {
            ProcessName = path, Device = path, Access = ImageAccess.Write, Kind = ImageUseKind.LoopDevice,
        };
    }

    [Fact]
    public void A_record_lock_counts_by_its_process()
    {
        using var file = Open("image");
        using var asked = Open("image");
        LockRecord(file, 100, 50);
        var user = Assert.Single(ImageUsers.Look().Of(asked, 149, 1));
        Assert.Equal((Environment.ProcessId, ImageUseKind.PosixLock, ImageAccess.Write), (user.ProcessId, user.Kind, user.Access));
        Assert.Empty(ImageUsers.Look().Of(asked, 150, 10));
        Assert.True(FileLock.Query(asked, 0, 0));
    }

    [Fact]
    public void A_lock_of_flock_is_seen_and_does_not_hinder_ours()
    {
        Machine.NeedTool("flock");
        Start("flock", ["-x", _folder["image"], "sleep", "1000"]);
        using var asked = Open("image");
        IReadOnlyList<ImageUser> users = [];
        for (var i = 0; i < 200 && !users.Any(user => user.Kind == ImageUseKind.Flock); i++)
        {
            Thread.Sleep(20);
            users = ImageUsers.Look().Of(asked, 0, 0);
        }

        Assert.Contains(users, user => user is { Kind: ImageUseKind.Flock, Access: ImageAccess.Write });
        Assert.True(RangeLock.Acquire(asked, _folder["image"], exclusive: true, 0, 0));
        // flock(1) has a child, which is not ours to wait for.
        Machine.Run("pkill", "-P", $"{_children[0]}");
    }

    [Fact]
    public void A_file_that_is_open_for_writing_without_a_lock_is_in_use_as_a_whole()
    {
        using (var file = Open("image"))
            Hold(file);
        using (var file = File.OpenHandle(_folder["other"]))
            Hold(file);
        using var image = Open("image");
        using var other = Open("other");
        var users = ImageUsers.Look();
        Assert.Equal((_children[0], ImageUseKind.OpenFile, ImageAccess.Write),
            users.Of(image, 0, 0).Select(user => (user.ProcessId, user.Kind, user.Access)).Single());
        Assert.Empty(users.Of(image, 4096, 4096));
        Assert.Empty(users.Of(other, 0, 0));
    }

    [Fact]
    public void A_loop_device_uses_the_part_that_it_shows()
    {
        Machine.NeedRoot();
        Machine.NeedTool("losetup");
        var (exit, output, error) = Machine.Run("losetup", "-f", "--show", "-r", "-o", "8192", "--sizelimit", "4096", _folder["image"]);
        Assert.SkipUnless(exit == 0, "needs a loop device: " + error);
        var device = output.Trim();
        try
        {
            using var asked = Open("image");
            var users = ImageUsers.Look();
            var user = Assert.Single(users.Of(asked, 12287, 1));
            Assert.Equal((ImageUseKind.LoopDevice, ImageAccess.Read, device, null), (user.Kind, user.Access, user.Device, user.ProcessId));
            Assert.Empty(users.Of(asked, 0, 8192));
            Assert.Empty(users.Of(asked, 12288, 0));
        }
        finally
        {
            Machine.Run("losetup", "-d", device);
        }
    }

    [Fact]
    public void A_mark_says_who_and_goes_unless_it_is_another_s()
    {
        using var file = Open("image");
        var mark = WriterMark.Put(file, 0, Environment.ProcessId);
        Assert.SkipWhen(mark is null, "needs user extended attributes");
        var second = WriterMark.Put(file, 4096, int.MaxValue);
        var found = WriterMark.Read(file, 0)!;
        Assert.NotNull(found);
        Assert.Equal((Environment.MachineName, Environment.ProcessId, Environment.UserName), (found.Host, found.ProcessId, found.UserName));
        Assert.InRange(found.Since, DateTimeOffset.UtcNow.AddMinutes(-5), DateTimeOffset.UtcNow);
        Assert.False(found.IsStale);
        Assert.True(WriterMark.Read(file, 4096)?.IsStale);
        Assert.Contains("stale", $"{WriterMark.Read(file, 4096)}");

        WriterMark.Remove(file, 0, "another's"u8);
        Assert.NotNull(WriterMark.Read(file, 0));
        WriterMark.Remove(file, 0, mark);
        WriterMark.Remove(file, 4096, second);
        Assert.Null(WriterMark.Read(file, 0));
        Assert.Null(WriterMark.Read(file, 4096));
    }

    [Theory]
    [InlineData("")]
    [InlineData("host=n1\npid=x\nsince=2026-01-01T00:00:00Z\n")]
    [InlineData("host=n1\npid=5\nsince=never\n")]
    [InlineData("\0\u0001=\n==\n")]
    public void A_mark_of_another_form_is_none(string text)
    {
        using var file = Open("image");
        Assert.SkipUnless(ExtendedAttributes.TrySet(file, "user.overlaytools.writer", Encoding.UTF8.GetBytes(text)) == 0, "needs user extended attributes");
        Assert.Null(WriterMark.Read(file, 0));
    }

    [Fact]
    public void A_hostile_mark_does_not_steer_the_terminal_and_a_long_one_is_not_read()
    {
        using var file = Open("image");
        var text = "host=n1\u001b[2J\npid=5\nsince=2026-01-01T00:00:00Z\njob=\u202E7\n";
        Assert.SkipUnless(ExtendedAttributes.TrySet(file, "user.overlaytools.writer", Encoding.UTF8.GetBytes(text)) == 0, "needs user extended attributes");
        var mark = WriterMark.Read(file, 0)!;
        Assert.NotNull(mark);
        Assert.Equal((@"n1\x1B[2J", @"\u202E7", false), (mark.Host, mark.SlurmJobId, mark.IsStale));
        ExtendedAttributes.TrySet(file, "user.overlaytools.writer", Encoding.UTF8.GetBytes(text + new string('x', 1500)));
        Assert.Null(WriterMark.Read(file, 0));
    }

    [Fact]
    public void Where_a_mark_cannot_be_put_there_is_none()
    {
        using var file = Native.Open.File("/dev/null", Native.Open.PathOnly);
        Assert.Null(WriterMark.Put(file, 0, 1));
        WriterMark.Remove(file, 0, []);
    }

    private SafeFileHandle Open(string name) => Native.Open.File(_folder[name], Native.Open.ReadWrite);

    // The child inherits the descriptor, and what hangs on it.
    private void Hold(SafeFileHandle file, params string[] environment)
    {
        using var source = Descriptors.DuplicateAbove(file.DangerousGetHandle().ToInt32(), 100);
        _children.Add(Spawn.Program(
            Machine.FindTool("sleep")!, ["sleep", "1000"], environment, [(source.DangerousGetHandle().ToInt32(), 20)]));
        // A moment passes until the child is what it shall be.
        for (var i = 0; i < 200 && ProcessFacts.NameOf(_children[^1]) != "sleep"; i++)
            Thread.Sleep(5);
    }

    private void Start(string program, string[] arguments) =>
        _children.Add(Spawn.Program(Machine.FindTool(program)!, [program, .. arguments], [], []));

    private static void LockRecord(SafeFileHandle file, long start, long length)
    {
        var range = new FlockRange { Type = 1, Start = start, Length = length };
        Assert.Equal(0, Fcntl((int)file.DangerousGetHandle(), 6, ref range)); // F_SETLK
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct FlockRange
    {
        public short Type;
        public short Whence;
        public long Start;
        public long Length;
        public int ProcessId;
    }

    [DllImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static extern int Fcntl(int descriptor, int command, ref FlockRange range);
}
