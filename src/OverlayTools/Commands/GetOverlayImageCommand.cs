using System.Management.Automation;
using OverlayTools.Completion;
using OverlayTools.Overlays;

namespace OverlayTools.Commands;

/// <summary>Says what overlay images are like, and who uses them.</summary>
[Cmdlet(VerbsCommon.Get, "OverlayImage", DefaultParameterSetName = PathSet)]
[OutputType(typeof(OverlayImage), typeof(OverlayCheckpoint))]
public sealed class GetOverlayImageCommand : ImageFileCommand
{
    private readonly OverlayInspector _inspector = new();

    /// <summary>The one partition of a SIF image to describe; without it all ext3 ones are.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(SifObjectIdCompleter))]
    public uint? Id { get; set; }

    /// <summary>List the checkpoints of the images, not the images.</summary>
    [Parameter]
    public SwitchParameter Checkpoint { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (var path in Images())
            ForTarget(path, () => Write(path));
    }

    private void Write(string path)
    {
        if (Checkpoint)
            WriteObject(OverlayCheckpoints.List(path, Id), enumerateCollection: true);
        else
            WriteObject(_inspector.Inspect(path, Id, Stopped), enumerateCollection: true);
    }
}
