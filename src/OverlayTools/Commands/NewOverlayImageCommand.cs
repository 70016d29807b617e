using System.Management.Automation;
using OverlayTools.Ext;
using OverlayTools.Native;
using OverlayTools.Overlays;

namespace OverlayTools.Commands;

/// <summary>Makes an overlay image: an ext3 file of its own, or a partition in an existing SIF image.</summary>
[Cmdlet(VerbsCommon.New, "OverlayImage", SupportsShouldProcess = true, DefaultParameterSetName = SparseSet)]
[OutputType(typeof(OverlayImage))]
public sealed class NewOverlayImageCommand : OverlayToolsCommand
{
    private const string SparseSet = "Sparse";
    private const string PreallocateSet = "Preallocate";

    /// <summary>The file to make, or an existing SIF image that gets the overlay as a partition.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("FullName", "PSPath")]
    [ValidateNotNullOrEmpty]
    public string[] Path { get; set; } = [];

    /// <summary>Bytes in the image, at least 64MB.</summary>
    /// <remarks>Not from the pipeline: the SizeBytes of an image that is piped here is how large that one is.</remarks>
    [Parameter(Position = 1)]
    [Alias("Size")]
    [SizeTransformation]
    public long SizeBytes { get; set; } = OverlayCreation.LeastSizeBytes;

    /// <summary>Directories to make in the overlay, as absolute paths in the container.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[] CreateDirectory { get; set; } = [];

    /// <summary>A directory, or a tar archive, whose content the overlay gets. Its files keep their owners, unless
    /// -FakeRoot or -Owner says another.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Source { get; set; }

    /// <summary>Let root own the overlay, and all that comes from the source, as running it with -FakeRoot needs.</summary>
    [Parameter]
    public SwitchParameter FakeRoot { get; set; }

    /// <summary>Who owns the overlay: user and group, as numbers or names; the caller when left out.</summary>
    [Parameter]
    [OverlayOwnerTransformation]
    public OverlayOwner? Owner { get; set; }

    /// <summary>Permissions of the overlay's directories, in octal; 0755 when left out.</summary>
    [Parameter]
    [OctalModeTransformation]
    public uint Mode { get; set; } = OverlayTree.DefaultPermissions;

    /// <summary>What the overlay will hold, which decides how many inodes it gets.</summary>
    [Parameter]
    public OverlayProfile Profile { get; set; }

    /// <summary>Bytes for each inode.</summary>
    [Parameter]
    [SizeTransformation]
    public int? BytesPerInode { get; set; }

    /// <summary>Inodes: the most files it can hold.</summary>
    [Parameter]
    public long? InodeCount { get; set; }

    /// <summary>Bytes in a block.</summary>
    [Parameter]
    [ValidateSet("1024", "2048", "4096")]
    public int? BlockSize { get; set; }

    /// <summary>Blocks that only root may fill.</summary>
    [Parameter]
    public uint ReservedBlockCount { get; set; } = 1;

    /// <summary>The file system's label, at most 16 bytes.</summary>
    [Parameter]
    [ValidateNotNull]
    public string Label { get; set; } = string.Empty;

    /// <summary>The file system's UUID; a random one when left out.</summary>
    [Parameter]
    public Guid? Uuid { get; set; }

    /// <summary>Leave holes, which take disk space when they are written. The default.</summary>
    [Parameter(ParameterSetName = SparseSet)]
    public SwitchParameter Sparse { get; set; }

    /// <summary>Take all disk space now.</summary>
    [Parameter(ParameterSetName = PreallocateSet, Mandatory = true)]
    public SwitchParameter Preallocate { get; set; }

    /// <summary>Replace an existing file, and allow a size below 64MB. A SIF image is never replaced.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (var path in Path)
        {
            if (TryResolveNew(path, out var resolved))
                ForTarget(resolved, () => Create(resolved));
        }
    }

    private void Create(string path)
    {
        string? source = null;
        if (Source is not null && !TryResolveNew(Source, out source))
            return;
        var sizeForSource = source is not null && !MyInvocation.BoundParameters.ContainsKey(nameof(SizeBytes));
        var embedded = OverlayCreator.IsSif(path);
        var action = (sizeForSource ? "Create an overlay" : $"Create an overlay of {ByteSize.Format(SizeBytes)}")
            + (source is null ? string.Empty : $" with the content of '{source}'")
            + (embedded ? " in this SIF image" : Force && File.Exists(path) ? ", replacing the file" : string.Empty);
        if (!ShouldProcess(path, action))
            return;

        var owner = ChosenOwner();
        var image = OverlayCreator.Create(new OverlayCreation
        {
            Path = path,
            SizeBytes = SizeBytes,
            Source = source,
            SizeForSource = sizeForSource,
            KeepSourceOwners = !FakeRoot && Owner is null,
            Directories = CreateDirectory,
            UserId = owner.UserId,
            GroupId = owner.GroupId,
            Permissions = Mode,
            Format = ChosenFormat(),
            Preallocate = Preallocate,
            Force = Force,
        }, Progress, Stopped);
        WarnOfFullDisk(image);
        WriteObject(image);
    }

    private OverlayOwner ChosenOwner()
    {
        if (FakeRoot && Owner is { UserId: not 0 } or { GroupId: not 0 })
            throw new EngineException(ErrorIds.OptionConflict, $"-FakeRoot makes root the owner, -Owner {Owner}.",
                "Give one of them.");
        return Owner ?? (FakeRoot ? new OverlayOwner(0, 0) : new OverlayOwner(User.EffectiveId(), User.EffectiveGroupId()));
    }

    private ExtFormatOptions ChosenFormat()
    {
        if (new[] { Profile != OverlayProfile.Ordinary, BytesPerInode is not null, InodeCount is not null }.Count(x => x) > 1)
            throw new EngineException(ErrorIds.OptionConflict,
                "-Profile, -BytesPerInode and -InodeCount all say how many inodes there shall be.", "Give one of them.");
        return new ExtFormatOptions
        {
            BytesPerInode = Profile == OverlayProfile.Ordinary ? BytesPerInode : (int)Profile,
            InodeCount = InodeCount,
            BlockSize = BlockSize,
            ReservedBlocks = ReservedBlockCount,
            Label = Label,
            Uuid = Uuid ?? Guid.NewGuid(),
        };
    }

    private void WarnOfFullDisk(OverlayImage image)
    {
        if (image.OvercommittedBytes is > 0)
            WriteWarning($"'{image.Path}' may come to take {ByteSize.Format(image.PromisedBytes)} more, and its disk has "
                + $"{ByteSize.Format(image.DiskFreeBytes ?? 0)} left. When that is used up, what a container writes is lost: "
                + "free space in time, or make a smaller image.");
    }
}
