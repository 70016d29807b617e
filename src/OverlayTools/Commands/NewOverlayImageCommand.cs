using System.Management.Automation;
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
    public long SizeBytes { get; set; } = OverlayCreation.LeastSizeBytes;

    /// <summary>Directories to make in the overlay, as absolute paths in the container.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[] CreateDirectory { get; set; } = [];

    /// <summary>A directory, or a tar archive, whose content the overlay gets.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Source { get; set; }

    /// <summary>Let root own the overlay, and all that comes from the source, as running it with -FakeRoot needs.</summary>
    [Parameter]
    public SwitchParameter FakeRoot { get; set; }

    /// <summary>Leave holes, which take disk space when they are written. The default.</summary>
    [Parameter(ParameterSetName = SparseSet)]
    public SwitchParameter Sparse { get; set; }

    /// <summary>Take all disk space now.</summary>
    [Parameter(ParameterSetName = PreallocateSet, Mandatory = true)]
    public SwitchParameter Preallocate { get; set; }

    /// <summary>Replace an existing file. A SIF image is never replaced.</summary>
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

        WriteObject(OverlayCreator.Create(new OverlayCreation
        {
            Path = path,
            SizeBytes = SizeBytes,
            Source = source,
            SizeForSource = sizeForSource,
            KeepSourceOwners = !FakeRoot,
            Directories = CreateDirectory,
            UserId = FakeRoot ? 0 : User.EffectiveId(),
            GroupId = FakeRoot ? 0 : User.EffectiveGroupId(),
            Preallocate = Preallocate,
            Force = Force,
        }, Progress, Stopped));
    }
}
