using System.Diagnostics;
using Microsoft.Win32.SafeHandles;
using OverlayTools.IO;
using OverlayTools.Native;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.IO;

public sealed class RangeLockTests : IDisposable
{
    private readonly TemporaryDirectory _folder = new();

    public RangeLockTests() => File.WriteAllBytes(_folder["image"], new byte[8192]);

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(true, true, false)]
    [InlineData(true, false, false)]
    [InlineData(false, true, false)]
    [InlineData(false, false, true)]
    public void Only_readers_share_and_another_process_is_named(bool holderWrites, bool weWrite, bool allowed)
    {
        using var holder = HeldByAnother(holderWrites, 0, 0);
        using var file = Open();
        if (allowed)
        {
            Assert.True(RangeLock.Acquire(file, _folder["image"], weWrite, 0, 0));
            return;
        }

        var error = Assert.Throws<EngineException>(() => RangeLock.Acquire(file, _folder["image"], weWrite, 0, 0));
        Assert.Equal(ErrorIds.OverlayInUse, error.ErrorId);
        var name = File.ReadAllText($"/proc/{holder.Id}/comm").Trim();
        Assert.Contains($"process {holder.Id} ({name}, {(holderWrites ? "writing" : "reading")})", error.Message);
    }

    [Fact]
    public void Partitions_beside_each_other_do_not_concern_each_other()
    {
        using var holder = HeldByAnother(true, 4096, 4096);
        using var file = Open();
        Assert.True(RangeLock.Acquire(file, _folder["image"], true, 0, 4096));
        Assert.Empty(ImageUsers.Look().Of(file, 0, 4096));
        Assert.Equal(holder.Id, Assert.Single(ImageUsers.Look().Of(file, 4095, 2)).ProcessId);
        Assert.Equal(ErrorIds.OverlayInUse,
            Assert.Throws<EngineException>(() => RangeLock.Acquire(file, _folder["image"], true, 8191, 1)).ErrorId);
    }

    [Fact]
    public void A_lock_that_this_process_holds_through_another_handle_counts()
    {
        using var first = Open();
        using var second = Open();
        Assert.True(RangeLock.Acquire(first, _folder["image"], true, 0, 0));
        Assert.Contains($"process {Environment.ProcessId} ",
            Assert.Throws<EngineException>(() => RangeLock.Acquire(second, _folder["image"], false, 0, 0)).Message);
    }

    private SafeFileHandle Open() =>
        Native.Open.File(_folder["image"], Native.Open.ReadWrite);

    // The child inherits the lock with the descriptor; this process closes its own.
    private HeldLock HeldByAnother(bool exclusive, long offset, long length)
    {
        using var file = Open();
        Assert.True(RangeLock.Acquire(file, _folder["image"], exclusive, offset, length));
        return HeldLock.PassTo(file);
    }

    /// <summary>A process that does nothing but hold an inherited descriptor.</summary>
    private sealed class HeldLock : IDisposable
    {
        private HeldLock(int id) => Id = id;

        public int Id { get; }

        public static HeldLock PassTo(SafeFileHandle file)
        {
            using var source = Descriptors.DuplicateAbove(file.DangerousGetHandle().ToInt32(), 100);
            var id = Spawn.Program(
                Machine.FindTool("sleep")!, ["sleep", "1000"], [], [(source.DangerousGetHandle().ToInt32(), 20)]);
            return new HeldLock(id);
        }

        public void Dispose()
        {
            Process.GetProcessById(Id).Kill();
            Processes.Wait(Id, block: true);
        }
    }
}
