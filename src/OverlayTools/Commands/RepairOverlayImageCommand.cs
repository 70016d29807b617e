using System.Management.Automation;
using OverlayTools.Completion;
using OverlayTools.Overlays;

namespace OverlayTools.Commands;

/// <summary>Replays the journals of overlay images, and repairs them.</summary>
[Cmdlet(VerbsDiagnostic.Repair, "OverlayImage", SupportsShouldProcess = true, DefaultParameterSetName = PathSet)]
[OutputType(typeof(OverlayRepair))]
public sealed class RepairOverlayImageCommand : ImageFileCommand
{
    /// <summary>The one partition of a SIF image to repair; without it all ext3 ones are.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(SifObjectIdCompleter))]
    public uint? Id { get; set; }

    /// <summary>Where errors are left, let e2fsck repair a copy, which takes the image's place when it is sound.</summary>
    [Parameter]
    public SwitchParameter Full { get; set; }

    /// <summary>Emit what was done.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (var path in Images())
            ForTarget(path, () => Repair(path));
    }

    private void Repair(string path)
    {
        if (!ShouldProcess(path, Full ? "Replay the journal and repair, with e2fsck where needed" : "Replay the journal and repair counts"))
            return;
        foreach (var repair in OverlayRepairer.Repair(path, Id, Full, Progress, Stopped))
        {
            if (!repair.IsSound)
                ForTarget(path, () => throw StillDamaged(repair));
            if (PassThru)
                WriteObject(repair);
        }
    }

    private static EngineException StillDamaged(OverlayRepair repair) =>
        new(ErrorIds.OverlayCorrupt,
            $"'{repair.Path}'{(repair.Id is null ? "" : $", object {repair.Id},")} still has {repair.ErrorCount} error(s).",
            "Test-OverlayImage says which. Repair-OverlayImage -Full lets e2fsck repair a copy, which takes its place.", repair.Path);
}
