using System.Management.Automation;
using OverlayTools.Completion;
using OverlayTools.Overlays;

namespace OverlayTools.Commands;

/// <summary>Grows and shrinks overlay images, and gives them other inodes.</summary>
[Cmdlet(VerbsCommon.Resize, "OverlayImage", SupportsShouldProcess = true, DefaultParameterSetName = SizePathSet)]
[OutputType(typeof(OverlayImage))]
public sealed class ResizeOverlayImageCommand : OverlayToolsCommand
{
    private const string SizePathSet = "SizePath";
    private const string SizeLiteralPathSet = "SizeLiteralPath";
    private const string GrowPathSet = "GrowPath";
    private const string GrowLiteralPathSet = "GrowLiteralPath";
    private const string MinimumPathSet = "MinimumPath";
    private const string MinimumLiteralPathSet = "MinimumLiteralPath";
    private const string InodesPathSet = "InodesPath";
    private const string InodesLiteralPathSet = "InodesLiteralPath";

    /// <summary>Overlay images, or SIF images with overlays; wildcards are accepted.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = SizePathSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = GrowPathSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = MinimumPathSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = InodesPathSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] Path { get; set; } = [];

    /// <summary>The images; every character stands for itself.</summary>
    [Parameter(Mandatory = true, ParameterSetName = SizeLiteralPathSet, ValueFromPipelineByPropertyName = true)]
    [Parameter(Mandatory = true, ParameterSetName = GrowLiteralPathSet, ValueFromPipelineByPropertyName = true)]
    [Parameter(Mandatory = true, ParameterSetName = MinimumLiteralPathSet, ValueFromPipelineByPropertyName = true)]
    [Parameter(Mandatory = true, ParameterSetName = InodesLiteralPathSet, ValueFromPipelineByPropertyName = true)]
    [Alias("FullName", "PSPath", "LP")]
    [ValidateNotNullOrEmpty]
    public string[] LiteralPath { get; set; } = [];

    /// <summary>The new size in bytes.</summary>
    [Parameter(Mandatory = true, Position = 1, ParameterSetName = SizePathSet)]
    [Parameter(Mandatory = true, Position = 1, ParameterSetName = SizeLiteralPathSet)]
    [Parameter(Position = 1, ParameterSetName = InodesPathSet)]
    [Parameter(Position = 1, ParameterSetName = InodesLiteralPathSet)]
    [Alias("Size")]
    [ValidateRange(1, long.MaxValue)]
    [SizeTransformation]
    public long SizeBytes { get; set; }

    /// <summary>How many bytes an image shall have more.</summary>
    [Parameter(Mandatory = true, ParameterSetName = GrowPathSet)]
    [Parameter(Mandatory = true, ParameterSetName = GrowLiteralPathSet)]
    [ValidateRange(1, long.MaxValue)]
    [SizeTransformation]
    public long GrowBy { get; set; }

    /// <summary>As small as what an image holds allows.</summary>
    [Parameter(Mandatory = true, ParameterSetName = MinimumPathSet)]
    [Parameter(Mandatory = true, ParameterSetName = MinimumLiteralPathSet)]
    public SwitchParameter ToMinimumSize { get; set; }

    /// <summary>The number of files that an image can hold afterwards; it is built anew for that.</summary>
    [Parameter(Mandatory = true, ParameterSetName = InodesPathSet)]
    [Parameter(Mandatory = true, ParameterSetName = InodesLiteralPathSet)]
    [ValidateRange(1, uint.MaxValue)]
    public long? InodeCount { get; set; }

    /// <summary>The partition of a SIF image; it can be left out when there is one ext3 partition alone.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(SifObjectIdCompleter))]
    public uint? Id { get; set; }

    /// <summary>Emit the image as it is afterwards.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        var literal = ParameterSetName.Contains("Literal", StringComparison.Ordinal);
        foreach (var path in ResolveExisting(literal ? LiteralPath : Path, literal))
            ForTarget(path, () => Resize(path));
    }

    private void Resize(string path)
    {
        var request = new OverlayResizing
        {
            Path = path,
            Id = Id,
            SizeBytes = Bound(nameof(SizeBytes)) ? SizeBytes : null,
            GrowBy = Bound(nameof(GrowBy)) ? GrowBy : null,
            ToMinimumSize = ToMinimumSize,
            InodeCount = InodeCount,
        };
        var sizes = OverlayResizer.Preview(request, Stopped);
        var change = $"{ByteSize.Format(sizes.OldSizeBytes)} -> {ByteSize.Format(sizes.NewSizeBytes)}";
        var action = InodeCount is null ? $"Resize overlay image ({change})" : $"Rebuild overlay image with {InodeCount} inodes ({change})";
        if (!ShouldProcess(path, action))
            return;
        var image = OverlayResizer.Resize(request, Progress, Stopped);
        if (PassThru)
            WriteObject(image);
    }

    private bool Bound(string parameter) => MyInvocation.BoundParameters.ContainsKey(parameter);
}
