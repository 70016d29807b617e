using System.Management.Automation;
using OverlayTools.Overlays;

namespace OverlayTools.Commands;

/// <summary>Says what size and how many inodes an overlay image needs for a directory or a tar archive.</summary>
[Cmdlet(VerbsDiagnostic.Measure, "OverlaySource", DefaultParameterSetName = PathSet)]
[OutputType(typeof(OverlaySourceMeasure))]
public sealed class MeasureOverlaySourceCommand : ImageFileCommand
{
    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (var path in Images())
            ForTarget(path, () => WriteObject(OverlaySourceMeasurer.Measure(path, Progress, Stopped)));
    }
}
