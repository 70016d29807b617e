using System.Management.Automation;
using OverlayTools.Sif;

namespace OverlayTools.Commands;

/// <summary>Reclaims the space that deletions left in SIF images.</summary>
[Cmdlet(VerbsCommon.Optimize, "SifImage", SupportsShouldProcess = true, DefaultParameterSetName = PathSet)]
[OutputType(typeof(SifOptimizationInfo))]
public sealed class OptimizeSifImageCommand : SifImageCommand
{
    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (var path in Images())
            ForTarget(path, () => Optimize(path));
    }

    private void Optimize(string path)
    {
        if (!ShouldProcess(path, $"Reclaim {ByteSize.Format(Gain(path))}"))
            return;
        var result = SifOptimizer.Optimize(path, null, Progress, Stopped);
        WarnIfUnlocked(path, result.Locked);
        if (result.OtherNames > 0)
            WriteWarning($"'{path}' has {result.OtherNames} other name(s) (hard links), which lead to the image as it was.");
        WriteObject(new SifOptimizationInfo(result));
    }

    private long Gain(string path)
    {
        using var image = SifImage.Open(path, Stopped);
        return SifOptimizer.Gain(image);
    }
}
