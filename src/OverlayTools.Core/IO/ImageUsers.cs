using System.Globalization;
using Microsoft.Win32.SafeHandles;
using OverlayTools.Native;

namespace OverlayTools.IO;

/// <summary>
/// Who uses which file, as far as this user can see, at the moment of looking: one look through <c>/proc</c> serves any
/// number of files. An open-file-description lock has no owner in <c>/proc/locks</c> (the process id there is -1); only
/// the <c>lock:</c> lines of <c>/proc/PID/fdinfo/FD</c> lead to the processes that hold it.
/// </summary>
public sealed class ImageUsers
{
    private const int MostLooks = 50;
    private const int PauseMilliseconds = 20;

    private const string FusePrograms = "fuse2fs";
    private const string FuseOverlayProgram = "fuse-overlayfs"; // 14 characters: /proc/PID/comm shows 15

    private readonly ILookup<ulong, OpenDescriptor> _open;
    /// <summary>Read only when they are asked for: the kernel stops all who lock meanwhile, which takes 10 ms.</summary>
    private readonly Lazy<IReadOnlyList<FileLockLine>> _systemLocks = new(ReadSystemLocks);

    private readonly IReadOnlyList<LoopDeviceEntry> _loops;
    private readonly Dictionary<int, IReadOnlyList<MountEntry>> _mounts = [];
    private readonly Lazy<IReadOnlyList<int>> _namespaces;

    private ImageUsers()
    {
        // Devices first: what is detached meanwhile was in use when the look began.
        _loops = LoopDeviceEntry.All();
        var processes = Processes().ToList();
        _open = processes.SelectMany(OpenDescriptor.Of).ToLookup(open => open.Inode);
        _namespaces = new Lazy<IReadOnlyList<int>>(() => OnePerMountNamespace(processes));
    }

    /// <summary>Looks now.</summary>
    public static ImageUsers Look() => new();

    /// <summary>Refuses a range that somebody uses without a lock: a loop device, a mount, a program that has it open.
    /// Who takes the lock sees only those who take it too.</summary>
    /// <param name="file">An open handle of the file, which has the lock.</param>
    /// <param name="path">Its path, for the error.</param>
    /// <param name="offset">First byte of the range.</param>
    /// <param name="length">Bytes in it; 0 means to the end.</param>
    /// <param name="hinders">Which users do; all, when left out.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayInUse"/>, naming who.</exception>
    public static void Refuse(
        SafeFileHandle file, string path, long offset, long length, Predicate<ImageUser>? hinders = null) =>
        Refuse(file, path, [(offset, length, hinders)]);

    /// <summary>Refuses several ranges by one look.</summary>
    /// <inheritdoc cref="Refuse(SafeFileHandle, string, long, long, Predicate{ImageUser})"/>
    /// <param name="file">An open handle of the file, which has the lock.</param>
    /// <param name="path">Its path, for the error.</param>
    /// <param name="ranges">First byte, number of bytes (0 means to the end), and which users matter (null: all).</param>
    internal static void Refuse(
        SafeFileHandle file, string path,
        IReadOnlyList<(long Offset, long Length, Predicate<ImageUser>? Hinders)> ranges)
    {
        for (var look = 1; ; look++)
        {
            var now = Look();
            // Who has a lock that ours would meet is no question any more.
            var users = ranges.SelectMany(range =>
                    now.Of(file, range.Offset, range.Length, withSystemLocks: false)
                        .Where(user => user.Kind != ImageUseKind.Flock && range.Hinders?.Invoke(user) != false))
                .Distinct().ToList();
            if (users.Count == 0)
                return;
            if (look == MostLooks || !users.TrueForAll(MayPass))
                throw new EngineException(ErrorIds.OverlayInUse,
                    $"'{path}' is in use by {string.Join(", ", ImageUser.Principals(users))}.", "Wait until that has ended.",
                    path);
            Thread.Sleep(PauseMilliseconds);
        }
    }

    /// <summary>Refuses the directory that an overlay writes to while it is mounted, as far as that can be seen from here:
    /// neither the kernel nor Apptainer locks it.</summary>
    /// <param name="upper">The directory.</param>
    /// <param name="path">The overlay's path, for the error.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayInUse"/>, naming who.</exception>
    public static void RefuseMounted(SafeFileHandle upper, string path)
    {
        var users = Look().OverlaysOn(upper).ToList();
        if (users.Count > 0)
            throw new EngineException(ErrorIds.OverlayInUse,
                $"'{path}' is in use by {string.Join(", ", ImageUser.Principals(users))}.", "Wait until that has ended.", path);
    }

    private IEnumerable<ImageUser> OverlaysOn(SafeFileHandle upper)
    {
        var target = Target.Of(upper, MountsOf(Environment.ProcessId));
        foreach (var process in _namespaces.Value)
        {
            foreach (var mount in MountsOf(process).Where(mount => mount.UpperDirectory is { } named && IsAt(process, named, target)))
                yield return User(ImageUseKind.Mount, !mount.ReadOnly) with { ProcessName = "overlay", MountPoint = mount.MountPoint };
        }

        foreach (var open in _open[target.Inode].DistinctBy(open => open.ProcessId))
        {
            if (ProcessFacts.NameOf(open.ProcessId) == FuseOverlayProgram && IsOnDevice(open, target))
                yield return ProcessFacts.Describe(User(ImageUseKind.OpenFile, writes: true), open.ProcessId);
        }
    }

    private static bool IsAt(int process, string path, Target target)
    {
        var seen = string.Create(CultureInfo.InvariantCulture, $"/proc/{process}/root/{path}");
        using var directory = Native.Open.TryFile(seen, Native.Open.PathOnly | Native.Open.Directory, 0, out _);
        return directory is not null && Statx.Of(directory, seen) is var status
            && status.Inode == target.Inode && status.Device == target.Device;
    }

    /// <summary>Whether a loop device stands on any part of a file.</summary>
    public static bool HasLoopDevice(SafeFileHandle file)
    {
        var status = Statx.Of(file);
        return LoopDeviceEntry.All().Any(loop => loop.FileInode == status.Inode && loop.FileDevice == status.Device);
    }

    // A child of this process that is just being started has copies of all that is open, for a moment; of one that has
    // ended meanwhile, the parent is not known any more.
    private static bool MayPass(ImageUser user) =>
        user.ProcessId is not null && (user.ParentProcessId is null || user.ParentProcessId == Environment.ProcessId);

    /// <summary>Who uses a range of a file; other handles of this process count too, the given one does not.</summary>
    /// <param name="file">An open handle of the file.</param>
    /// <param name="offset">First byte of the range.</param>
    /// <param name="length">Bytes in the range; 0 means to the end.</param>
    /// <returns>Processes by their ids, then loop devices and their mounts.</returns>
    public IReadOnlyList<ImageUser> Of(SafeFileHandle file, long offset, long length) =>
        Of(file, offset, length, withSystemLocks: true);

    private IReadOnlyList<ImageUser> Of(SafeFileHandle file, long offset, long length, bool withSystemLocks)
    {
        var target = Target.Of(file, MountsOf(Environment.ProcessId));
        var uses = new SortedDictionary<int, (ImageUseKind Kind, bool Writes)>();
        foreach (var open in _open[target.Inode])
        {
            if (open.ProcessId != Environment.ProcessId || open.Descriptor != target.Descriptor)
                AddUse(open, target, offset, length, uses);
        }

        foreach (var held in withSystemLocks ? _systemLocks.Value : [])
        {
            if (held.ProcessId > 0 && !uses.ContainsKey(held.ProcessId) && target.IsOf(held) && held.Overlaps(offset, length))
                uses[held.ProcessId] = (held.Kind, held.Writes);
        }

        return
        [
            .. uses.Select(use => ProcessFacts.Describe(User(use.Value.Kind, use.Value.Writes), use.Key)),
            .. _loops.Where(loop => loop.FileInode == target.Inode && loop.FileDevice == target.Device && loop.Overlaps(offset, length))
                .SelectMany(UsersOf),
        ];
    }

    private void AddUse(
        OpenDescriptor open, Target target, long offset, long length, SortedDictionary<int, (ImageUseKind Kind, bool Writes)> uses)
    {
        (ImageUseKind Kind, bool Writes)? use = null;
        foreach (var held in open.Locks.Where(held => target.IsOf(held) && held.Overlaps(offset, length)))
            use = use is { } known ? (Stronger(known.Kind, held.Kind), known.Writes || held.Writes) : (held.Kind, held.Writes);
        if (use is null && open.ProcessId != Environment.ProcessId && IsOnDevice(open, target) && UsesWithoutLock(open, offset, length))
            use = (ImageUseKind.OpenFile, open.Writes);
        if (use is not { } found)
            return;
        uses[open.ProcessId] = uses.TryGetValue(open.ProcessId, out var other)
            ? (Stronger(other.Kind, found.Kind), other.Writes || found.Writes)
            : found;
    }

    // Reading a file, or having a SIF image open, says nothing about an overlay in it. But fuse2fs by hand takes no lock.
    private static bool UsesWithoutLock(OpenDescriptor open, long offset, long length)
    {
        var isWhole = offset == 0 && length == 0;
        if (isWhole && open.Writes)
            return true;
        if (ProcessFacts.NameOf(open.ProcessId) != FusePrograms)
            return false;
        var option = $"offset={offset.ToString(CultureInfo.InvariantCulture)}";
        return isWhole || ProcessFacts.ArgumentsOf(open.ProcessId).SelectMany(argument => argument.Split(',')).Contains(option);
    }

    private bool IsOnDevice(OpenDescriptor open, Target target)
    {
        if (target.MountDevice is null)
            return true;
        foreach (var mount in MountsOf(open.ProcessId).Where(mount => mount.Id == open.MountId))
            return mount.Device == target.MountDevice;
        // A mount that the process does not see: another namespace's, or the kernel's own, where memory files live whose
        // numbers are those of files on any tmpfs.
        return DeviceOf(open) is not { } device || device == target.Device;
    }

    private static ulong? DeviceOf(OpenDescriptor open)
    {
        var path = string.Create(CultureInfo.InvariantCulture, $"/proc/{open.ProcessId}/fd/{open.Descriptor}");
        using var file = Native.Open.TryFile(path, Native.Open.PathOnly, 0, out _);
        return file is null ? null : Statx.Of(file, path).Device;
    }

    private IEnumerable<ImageUser> UsersOf(LoopDeviceEntry loop)
    {
        var mounts = _namespaces.Value
            .SelectMany(process => MountsOf(process).Where(mount => mount.Device == loop.Device).Take(1).Select(mount => (process, mount)))
            .ToList();
        if (mounts.Count == 0)
            yield return User(ImageUseKind.LoopDevice, !loop.ReadOnly) with { ProcessName = loop.Path, Device = loop.Path };
        foreach (var (process, mount) in mounts)
        {
            var user = User(ImageUseKind.Mount, !mount.ReadOnly) with
            {
                ProcessName = loop.Path, Device = loop.Path, MountPoint = mount.MountPoint,
            };
            yield return process == Environment.ProcessId ? user : ProcessFacts.Describe(user, process);
        }
    }

    private static ImageUser User(ImageUseKind kind, bool writes) => new()
    {
        ProcessName = "?",
        Kind = kind,
        Access = writes ? ImageAccess.Write : ImageAccess.Read,
    };

    // The order of the enumeration: the lock that keeps others out is what matters.
    private static ImageUseKind Stronger(ImageUseKind one, ImageUseKind other) => one < other ? one : other;

    private IReadOnlyList<MountEntry> MountsOf(int process)
    {
        if (!_mounts.TryGetValue(process, out var mounts))
            _mounts[process] = mounts = MountEntry.Of(process);
        return mounts;
    }

    private static IReadOnlyList<FileLockLine> ReadSystemLocks()
    {
        try
        {
            return [.. File.ReadLines("/proc/locks").Select(FileLockLine.Parse).OfType<FileLockLine>()];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    // This process first, so that its own namespace is seen through itself.
    private static IEnumerable<int> Processes() =>
        Directory.EnumerateDirectories("/proc").Select(Path.GetFileName)
            .Select(name => int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : 0)
            .Where(id => id > 0 && id != Environment.ProcessId).Order().Prepend(Environment.ProcessId);

    private static IReadOnlyList<int> OnePerMountNamespace(IEnumerable<int> processes) =>
        [.. processes.Select(id => (id, link: NamespaceOf(id))).Where(pair => pair.link is not null)
            .DistinctBy(pair => pair.link).Select(pair => pair.id)];

    private static string? NamespaceOf(int process)
    {
        try
        {
            return new FileInfo(string.Create(CultureInfo.InvariantCulture, $"/proc/{process}/ns/mnt")).LinkTarget;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null; // ended meanwhile, or another user's
        }
    }

    /// <summary>The file that is asked about.</summary>
    /// <param name="Descriptor">Our own descriptor of it.</param>
    /// <param name="Device">The device that <c>stat</c> gives.</param>
    /// <param name="Inode">The file's number there.</param>
    /// <param name="MountDevice">The file system's device, as <c>mountinfo</c> names it; null when it is not known.</param>
    private readonly record struct Target(int Descriptor, ulong Device, ulong Inode, string? MountDevice)
    {
        public static Target Of(SafeFileHandle file, IReadOnlyList<MountEntry> mounts)
        {
            var status = Statx.Of(file);
            var descriptor = file.DangerousGetHandle().ToInt32();
            // On some file systems stat gives a device of its own for each part (btrfs subvolumes).
            var mount = OpenDescriptor.Read(Environment.ProcessId, descriptor)?.MountId;
            var device = mounts.Where(entry => entry.Id == mount).Select(entry => entry.Device).FirstOrDefault();
            return new Target(descriptor, status.Device, status.Inode, device);
        }

        public bool IsOf(FileLockLine held) =>
            held.Inode == Inode && (MountDevice is null || held.Device == InLocks(MountDevice));

        // Locks have the numbers in hexadecimal.
        private static string InLocks(string device)
        {
            var parts = device.Split(':');
            return string.Join(':', parts.Select(part => int.Parse(part, CultureInfo.InvariantCulture).ToString("x2", CultureInfo.InvariantCulture)));
        }
    }
}
