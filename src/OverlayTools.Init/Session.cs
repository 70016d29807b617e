using OverlayTools.Containers;
using OverlayTools.Native;

namespace OverlayTools.Init;

/// <summary>The mounts of one container, from the private tmpfs to the final tree, and back.</summary>
internal sealed class Session(ContainerPlan plan)
{
    private const int UnmountAttempts = 50;
    private const int UnmountPauseMilliseconds = 20;

    private readonly BindPoints _bindPoints = new(plan);

    /// <summary>What is mounted, in that order; of a layer that takes changes, what keeps its marks readable.</summary>
    private readonly List<(string Target, FuseMount? Fuse, MarkKeeper? Written)> _mounted = [];

    private bool _isStackedByFuse;

    public IEnumerable<int> HelperProcessIds => _mounted.Where(m => m.Fuse is not null).Select(m => m.Fuse!.ProcessId);

    private string FinalTree => SessionLayout.FinalTree(plan);

    /// <summary>Mounts everything; what was mounted when a step fails is taken down by <see cref="TearDown"/>.</summary>
    public void Assemble()
    {
        Mount.Do("tmpfs", plan.SessionDirectory, "tmpfs", Mount.Flags.NoSetUserId, "mode=0755");
        _mounted.Add((plan.SessionDirectory, null, null));
        Directory.CreateDirectory(FinalTree);
        // Side by side: each FUSE program takes its time to start.
        for (var i = 0; i < plan.Layers.Count; i++)
            MountLayer(i);
        for (var i = 0; i < plan.DataImages.Count; i++)
            MountDataImage(i);
        foreach (var (_, fuse, _) in _mounted)
            fuse?.WaitUntilReady();
        StatusChannel.EndPhase("layers");
        for (var i = 1; i < plan.Layers.Count; i++)
        {
            if (plan.Layers[i] is { Content.Length: > 0 } or { ReadOnly: false })
                RefuseLinks(plan.Layers[i], SessionLayout.Layer(plan, i));
        }

        if (plan.Stack.Driver == StackDriver.None)
            MountRootAlone();
        else
            StackLayers();

        if (!IsReadOnly)
            _bindPoints.MakeInTree();

        // From here on, a recursive bind of the directory above (/tmp, say) leaves the session out. Not earlier:
        // overlayfs refuses a lower layer on an unbindable mount.
        Mount.Do(null, plan.SessionDirectory, null, Mount.Flags.Unbindable);
    }

    /// <summary>Takes note that a FUSE program has ended while the container ran.</summary>
    public void NoteEnd(int processId, int exitCode)
    {
        foreach (var (_, fuse, _) in _mounted)
        {
            if (fuse?.NoteEnd(processId, exitCode) == true)
                StatusChannel.Warn($"{fuse.Name} ended while the container was running (exit code {exitCode}).");
        }
    }

    /// <summary>Unmounts in reverse order; each FUSE program has written everything and ended before what it stands on goes.</summary>
    public void TearDown()
    {
        _bindPoints.RemoveAgain();
        foreach (var (target, fuse, written) in InTearDownOrder())
        {
            fuse?.WaitUntilDecided();
            if (plan.Stack.Upper is { } upper && target == SessionLayout.Layer(plan, upper))
            {
                RemoveScratch(SessionLayout.Work(plan, upper));
                if (_isStackedByFuse && plan.Layers[upper].Driver == LayerDriver.Bind)
                    MarkKeeper.SettleDirectory(SessionLayout.Upper(plan, upper), plan.Layers[upper].Path, !plan.Identity.InUserNamespace);
            }

            if (written is not null)
                TrySync(target);
            var isGone = UnmountPatiently(target);
            fuse?.WaitUntilEnded();
            if (written is not null)
                StatusChannel.EndPhase("written layer unmounted");
            // What the kernel still has mounted somewhere is not to be touched.
            if (isGone || fuse is not null)
                written?.Settle(_isStackedByFuse, plan.Stack.Lowers.Select(index => SessionLayout.Content(plan, index)));
            if (written is not null)
                StatusChannel.EndPhase("marks");
        }

        StatusChannel.EndPhase("unmounted");
        _mounted.Clear();
        try
        {
            Directory.Delete(plan.SessionDirectory);
        }
        catch (IOException)
        {
            // The engine removes it as well; whoever comes second finds nothing.
        }
    }

    // What was mounted last first; but of the layers, which do not stand on each other, the one that was written: when it is
    // looked through, the others are still there.
    private IEnumerable<(string Target, FuseMount? Fuse, MarkKeeper? Written)> InTearDownOrder() => Enumerable.Reverse(_mounted)
        .OrderBy(mounted => mounted.Target == FinalTree ? 0 : mounted.Written is not null ? 1 : 2);

    private void MountRootAlone()
    {
        Mount.Do(SessionLayout.Layer(plan, 0), FinalTree, null, Mount.Flags.Bind | Mount.Flags.Recursive);
        _mounted.Add((FinalTree, null, null));
    }

    private void StackLayers()
    {
        _bindPoints.MakeBelow();
        PrepareUpper();
        MountStack();
        if (!IsReadOnly || !_bindPoints.MakeOnTop())
            return;

        // An overlay hides a place that is needed, and the tree cannot be written: one more layer has it.
        var (target, fuse, _) = _mounted[^1];
        _mounted.RemoveAt(_mounted.Count - 1);
        UnmountPatiently(target);
        fuse?.WaitUntilEnded();
        MountStack();
    }

    private void MountLayer(int index)
    {
        var layer = plan.Layers[index];
        var target = SessionLayout.Layer(plan, index);
        Directory.CreateDirectory(target);
        var keeper = MarkKeeper.For(layer);
        var fuse = LayerMounter.Mount(layer, target, $"{plan.SessionDirectory}/layer{index}.log");
        _mounted.Add((target, fuse, keeper));
    }

    // Whoever made the overlay could otherwise point these at any directory of the host, which root would then write to.
    private static void RefuseLinks(LayerPlan layer, string target)
    {
        if (layer.Content.Length == 0 && layer.ReadOnly)
            return;
        foreach (var name in new[] { "upper", "work" })
        {
            if (new FileInfo($"{target}/{name}").LinkTarget is not null)
                throw new EngineException(ErrorIds.OverlayMissingUpper,
                    $"In the overlay '{layer.Path}', '{name}' is a symbolic link, not a directory.");
        }
    }

    private bool IsReadOnly => plan.Stack.Driver == StackDriver.None ? plan.Layers[0].ReadOnly : plan.Stack.Upper is null;

    private void MountDataImage(int index)
    {
        var target = SessionLayout.DataImage(plan, index);
        Directory.CreateDirectory(target);
        _mounted.Add((target, LayerMounter.Mount(plan.DataImages[index], target, $"{target}.log"), null));
    }

    private void PrepareUpper()
    {
        if (plan.Stack.Upper is not { } upper)
            return;
        foreach (var directory in new[] { SessionLayout.Upper(plan, upper), SessionLayout.Work(plan, upper) })
        {
            if (File.Exists(directory))
                throw new EngineException(ErrorIds.OverlayMissingUpper,
                    $"In the overlay '{plan.Layers[upper].Path}', '{Path.GetFileName(directory)}' is not a directory.");
            Directory.CreateDirectory(directory);
            var errno = FileSystemStatus.Check(directory, FileSystemStatus.Write);
            if (errno is Errno.EACCES or Errno.EPERM or Errno.EROFS)
                throw new EngineException(
                    errno == Errno.EROFS ? ErrorIds.OverlayNotWritable : ErrorIds.OverlayOwnerMismatch,
                    $"'{Path.GetFileName(directory)}' of the overlay '{plan.Layers[upper].Path}' cannot be written: "
                    + (errno == Errno.EROFS ? "its file system is read-only." : "it belongs to somebody else.")
                    + " Open it read-only with ':ro', or try -FakeRoot.");
        }
    }

    private void MountStack()
    {
        if (plan.Stack.Driver == StackDriver.Kernel)
        {
            var errno = OverlayMounter.TryKernel(plan, FinalTree);
            if (errno == 0)
            {
                _mounted.Add((FinalTree, null, null));
                return;
            }

            if (plan.Stack.FuseProgram is null)
                throw new EngineException(ErrorIds.ContainerStartFailed,
                    $"The kernel's overlayfs refused the layers ({new LinuxException("mount", errno).Message}), and "
                    + "fuse-overlayfs is not installed. Install with: apt-get install fuse-overlayfs");
            StatusChannel.Note($"The kernel's overlayfs refused the layers ({new LinuxException("mount", errno).Message}); "
                + "fuse-overlayfs is used.");
        }

        var fuse = FuseMount.Start(
            OverlayMounter.FuseCommand(plan, FinalTree), FinalTree, $"{plan.SessionDirectory}/overlay.log", -1, denyWriting: false);
        _mounted.Add((FinalTree, fuse, null));
        _isStackedByFuse = true;
        fuse.WaitUntilReady();
    }

    private static bool UnmountPatiently(string target)
    {
        for (var attempt = 0; attempt < UnmountAttempts; attempt++)
        {
            var errno = Unmount.Try(target);
            if (errno is 0 or Errno.EINVAL)
                return true;
            Thread.Sleep(UnmountPauseMilliseconds);
        }

        _ = Unmount.Detach(target);
        return false;
    }

    // The scratch directory of the stacking driver belongs to who ran it: left behind, it would keep another identity
    // from writing to the overlay. The driver makes a new one each time.
    private static void RemoveScratch(string work)
    {
        try
        {
            foreach (var scratch in new[] { "work", "index" }.Select(name => $"{work}/{name}").Where(Directory.Exists))
                Directory.Delete(scratch, recursive: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            StatusChannel.Note($"The overlay's scratch directory stays: {error.Message}");
        }
    }

    private static void TrySync(string target)
    {
        try
        {
            FileSystemStatus.Sync(target);
        }
        catch (LinuxException error)
        {
            StatusChannel.Warn($"What was written last may not be on the disk: {error.Message}");
        }
    }
}
