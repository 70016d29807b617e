using System.Management.Automation;
using OverlayTools.Completion;
using OverlayTools.Overlays;

namespace OverlayTools.Commands;

/// <summary>Gives the blocks that overlay images do not use back to the disk.</summary>
[Cmdlet(VerbsCommon.Optimize, "OverlayImage", SupportsShouldProcess = true, DefaultParameterSetName = PathSet)]
[OutputType(typeof(OverlayOptimization))]
public sealed class OptimizeOverlayImageCommand : ImageFileCommand
{
    /// <summary>The one partition of a SIF image to optimize; without it all ext3 ones are.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(SifObjectIdCompleter))]
    public uint? Id { get; set; }

    /// <summary>Leave what an earlier run left in work.</summary>
    [Parameter]
    public SwitchParameter KeepWork { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (var path in Images())
        {
            if (ShouldProcess(path, "Give free blocks back to the disk" + (KeepWork ? string.Empty : ", and empty 'work'")))
                ForTarget(path, () => WriteObject(OverlayOptimizer.Optimize(path, Id, KeepWork, Progress, Stopped), enumerateCollection: true));
        }
    }
}
