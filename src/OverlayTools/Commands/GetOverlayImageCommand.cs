using System.Management.Automation;
using OverlayTools.Completion;
using OverlayTools.Overlays;

namespace OverlayTools.Commands;

/// <summary>Says what overlay images are like, and who uses them.</summary>
[Cmdlet(VerbsCommon.Get, "OverlayImage", DefaultParameterSetName = PathSet)]
[OutputType(typeof(OverlayImage))]
public sealed class GetOverlayImageCommand : OverlayToolsCommand
{
    private const string PathSet = "Path";
    private const string LiteralPathSet = "LiteralPath";

    private readonly OverlayInspector _inspector = new();

    /// <summary>Overlay images, or SIF images with overlays; wildcards are accepted.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = PathSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] Path { get; set; } = [];

    /// <summary>The images; every character stands for itself.</summary>
    [Parameter(Mandatory = true, ParameterSetName = LiteralPathSet, ValueFromPipelineByPropertyName = true)]
    [Alias("FullName", "PSPath", "LP")]
    [ValidateNotNullOrEmpty]
    public string[] LiteralPath { get; set; } = [];

    /// <summary>The one partition of a SIF image to describe; without it all ext3 ones are.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(SifObjectIdCompleter))]
    public uint? Id { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        var literal = ParameterSetName == LiteralPathSet;
        foreach (var path in ResolveExisting(literal ? LiteralPath : Path, literal))
            ForTarget(path, () => WriteObject(_inspector.Inspect(path, Id, Stopped), enumerateCollection: true));
    }
}
