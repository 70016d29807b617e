using System.Management.Automation;
using OverlayTools.Completion;
using OverlayTools.Ext.Check;
using OverlayTools.Overlays;

namespace OverlayTools.Commands;

/// <summary>Checks overlay images, and says whether they are sound.</summary>
[Cmdlet(VerbsDiagnostic.Test, "OverlayImage", DefaultParameterSetName = PathSet)]
[OutputType(typeof(bool))]
public sealed class TestOverlayImageCommand : ImageFileCommand
{
    /// <summary>How findings in the information stream are marked.</summary>
    private static readonly string[] s_tags = ["OverlayFinding"];

    /// <summary>The one partition of a SIF image to check; without it all ext3 ones are.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(SifObjectIdCompleter))]
    public uint? Id { get; set; }

    /// <summary>Let the rules of overlays count too: upper and work, their owners, stray whiteouts.</summary>
    [Parameter]
    public SwitchParameter Overlay { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (var path in Images())
            ForTarget(path, () => Test(path));
    }

    private void Test(string path)
    {
        var isSound = true;
        foreach (var check in OverlayTester.Test(path, Id, Progress, Stopped))
        {
            var name = check.Id is null ? path : $"{path}, object {check.Id}";
            if (check.FileSystem.ReplayedTransactions > 0)
                WriteVerbose($"{name}: checked as it is after {check.FileSystem.ReplayedTransactions} transactions of its journal.");
            foreach (var finding in check.FileSystem.Findings)
                Say(name, finding, finding.Severity == ExtFindingSeverity.Error);
            foreach (var finding in check.Overlay)
                Say(name, finding, Overlay);
            var left = check.FileSystem.ErrorCount + check.FileSystem.WarningCount - check.FileSystem.Findings.Count;
            if (left > 0)
                WriteWarning($"{name}: and {left} more.");
            isSound &= check.FileSystem.IsSound && (!Overlay || check.Overlay.Count == 0);
        }

        WriteObject(isSound);
    }

    private void Say(string name, object finding, bool counts)
    {
        if (counts)
            WriteWarning($"{name}: {finding}");
        else
            WriteVerbose($"{name}: {finding}");
        WriteInformation(finding, s_tags);
    }
}
