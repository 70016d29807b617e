using System.Management.Automation;
using OverlayTools.Completion;
using OverlayTools.Overlays;

namespace OverlayTools.Commands;

/// <summary>Says what overlay images are like, and who uses them.</summary>
[Cmdlet(VerbsCommon.Get, "OverlayImage", DefaultParameterSetName = PathSet)]
[OutputType(typeof(OverlayImage))]
public sealed class GetOverlayImageCommand : ImageFileCommand
{
    private readonly OverlayInspector _inspector = new();

    /// <summary>The one partition of a SIF image to describe; without it all ext3 ones are.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(SifObjectIdCompleter))]
    public uint? Id { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (var path in Images())
            ForTarget(path, () => WriteObject(_inspector.Inspect(path, Id, Stopped), enumerateCollection: true));
    }
}
