using System.Management.Automation;
using OverlayTools.Overlays;

namespace OverlayTools.Commands;

/// <summary>Grows an overlay image in place.</summary>
[Cmdlet(VerbsCommon.Resize, "OverlayImage", SupportsShouldProcess = true, DefaultParameterSetName = PathSet)]
[OutputType(typeof(OverlayImage))]
public sealed class ResizeOverlayImageCommand : OverlayToolsCommand
{
    private const string PathSet = "Path";
    private const string LiteralPathSet = "LiteralPath";

    /// <summary>Overlay images; wildcards are accepted.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = PathSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] Path { get; set; } = [];

    /// <summary>Overlay images, taken literally.</summary>
    [Parameter(Mandatory = true, ParameterSetName = LiteralPathSet, ValueFromPipelineByPropertyName = true)]
    [Alias("FullName", "PSPath")]
    [ValidateNotNullOrEmpty]
    public string[] LiteralPath { get; set; } = [];

    /// <summary>The new size in bytes.</summary>
    [Parameter(Mandatory = true, Position = 1)]
    [Alias("Size")]
    [ValidateRange(1, long.MaxValue)]
    public long SizeBytes { get; set; }

    /// <summary>Emit the image as it is afterwards.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        var literal = ParameterSetName == LiteralPathSet;
        foreach (var path in ResolveExisting(literal ? LiteralPath : Path, literal))
            ForTarget(path, () => Resize(path));
    }

    private void Resize(string path)
    {
        var before = File.Exists(path) ? ByteSize.Format(new FileInfo(path).Length) : "?";
        if (!ShouldProcess(path, $"Resize overlay image ({before} -> {ByteSize.Format(SizeBytes)})"))
            return;
        var image = OverlayResizer.Resize(path, SizeBytes, Progress, Stopped);
        if (PassThru)
            WriteObject(image);
    }
}
