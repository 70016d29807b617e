using System.Management.Automation;
using OverlayTools.Overlays;

namespace OverlayTools.Commands;

/// <summary>Says what size and how many inodes an overlay image needs for a directory or a tar archive.</summary>
[Cmdlet(VerbsDiagnostic.Measure, "OverlaySource", DefaultParameterSetName = PathSet)]
[OutputType(typeof(OverlaySourceMeasure))]
public sealed class MeasureOverlaySourceCommand : OverlayToolsCommand
{
    private const string PathSet = "Path";
    private const string LiteralPathSet = "LiteralPath";

    /// <summary>Directories or tar archives; wildcards are accepted.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = PathSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] Path { get; set; } = [];

    /// <summary>The directories or archives; every character stands for itself.</summary>
    [Parameter(Mandatory = true, ParameterSetName = LiteralPathSet, ValueFromPipelineByPropertyName = true)]
    [Alias("FullName", "PSPath", "LP")]
    [ValidateNotNullOrEmpty]
    public string[] LiteralPath { get; set; } = [];

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        var literal = ParameterSetName == LiteralPathSet;
        foreach (var path in ResolveExisting(literal ? LiteralPath : Path, literal))
            ForTarget(path, () => WriteObject(OverlaySourceMeasurer.Measure(path, Progress, Stopped)));
    }
}
