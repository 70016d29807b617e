using System.Management.Automation;
using OverlayTools.Completion;
using OverlayTools.Overlays;

namespace OverlayTools.Commands;

/// <summary>Keeps a copy of overlays as they are now, under a name.</summary>
[Cmdlet(VerbsData.Checkpoint, "OverlayImage", SupportsShouldProcess = true, DefaultParameterSetName = PathSet)]
[OutputType(typeof(OverlayCheckpoint))]
public sealed class CheckpointOverlayImageCommand : ImageFileCommand
{
    /// <summary>The checkpoint's name: letters, digits, '-' and '_'; the time by default.</summary>
    [Parameter(Position = 1)]
    [ValidateNotNullOrEmpty]
    public string? Name { get; set; }

    /// <summary>The partition of a SIF image that has several.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(SifObjectIdCompleter))]
    public uint? Id { get; set; }

    /// <summary>Replace a checkpoint of the same name.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (var path in Images())
        {
            if (ShouldProcess(path, Name is null ? "Make a checkpoint" : $"Make the checkpoint '{Name}'"))
                ForTarget(path, () => WriteObject(OverlayCheckpoints.Make(path, Id, Name, Force, Progress, Stopped)));
        }
    }
}
