namespace OverlayTools.IO;

/// <summary>By what it is seen that somebody uses an image.</summary>
public enum ImageUseKind
{
    /// <summary>An open-file-description lock on the image's bytes: Apptainer's and ours.</summary>
    OfdLock,

    /// <summary>A POSIX record lock on the image's bytes.</summary>
    PosixLock,

    /// <summary>A lock of <c>flock(2)</c>, which keeps out only those who ask for such a one.</summary>
    Flock,

    /// <summary>The file is open, without a lock.</summary>
    OpenFile,

    /// <summary>A loop device stands on the image.</summary>
    LoopDevice,

    /// <summary>The kernel has the image mounted, on a loop device.</summary>
    Mount,
}

/// <summary>What a user of an image can do to it.</summary>
public enum ImageAccess
{
    /// <summary>Reads.</summary>
    Read,

    /// <summary>Writes, or keeps everybody else out as a writer does.</summary>
    Write,
}

/// <summary>Somebody who uses an image now: a process, or a loop device of the kernel.</summary>
public sealed record ImageUser
{
    /// <summary>The process; null for a loop device, and for a mount in the caller's own namespace.</summary>
    public int? ProcessId { get; init; }

    /// <summary>The process that started it; null where that is not known.</summary>
    public int? ParentProcessId { get; init; }

    /// <summary>The process's name (<c>/proc/PID/comm</c>); the device for one without a process.</summary>
    public required string ProcessName { get; init; }

    /// <summary>Whether it writes.</summary>
    public required ImageAccess Access { get; init; }

    /// <summary>By what it is seen.</summary>
    public required ImageUseKind Kind { get; init; }

    /// <summary>Who runs it; the number where this system has no name for it.</summary>
    public string? UserName { get; init; }

    /// <summary>Its Slurm job, if it is in one and that can be seen.</summary>
    public string? SlurmJobId { get; init; }

    /// <summary>Its command line; null where there is none.</summary>
    public string? CommandLine { get; init; }

    /// <summary>The loop device, for those kinds.</summary>
    public string? Device { get; init; }

    /// <summary>Where it is mounted, for that kind: as the process sees it.</summary>
    public string? MountPoint { get; init; }

    /// <summary>Those who answer for the others: a process that another of them started is left out, and of the same
    /// process all but the first.</summary>
    internal static IEnumerable<ImageUser> Principals(IReadOnlyList<ImageUser> users) =>
        users.Where(user => user.ProcessId is null || users.All(other => other.ProcessId is null || other.ProcessId != user.ParentProcessId))
            .DistinctBy(user => (user.ProcessId, user.ProcessId is null ? user.Device : null));

    /// <summary>For example <c>process 4711 (fuse2fs, writing) of user ana in Slurm job 42</c>.</summary>
    public override string ToString()
    {
        var how = Access == ImageAccess.Write ? "writing" : "reading";
        var who = ProcessId is null ? $"{ProcessName} ({how})" : $"process {ProcessId} ({ProcessName}, {how})";
        return who + (Device is null || ProcessId is null ? "" : $" through {Device}")
            + (MountPoint is null ? "" : $" at '{MountPoint}'")
            + (UserName is null ? "" : $" of user {UserName}")
            + (SlurmJobId is null ? "" : $" in Slurm job {SlurmJobId}");
    }
}
