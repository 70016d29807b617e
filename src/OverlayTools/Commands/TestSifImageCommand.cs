using System.Management.Automation;
using OverlayTools.Sif.Signatures;

namespace OverlayTools.Commands;

/// <summary>Checks SIF images, and says whether they are sound.</summary>
[Cmdlet(VerbsDiagnostic.Test, "SifImage", DefaultParameterSetName = PathSet)]
[OutputType(typeof(bool))]
public sealed class TestSifImageCommand : SifKeyCommand
{
    /// <summary>How findings in the information stream are marked.</summary>
    private static readonly string[] s_tags = ["SifFinding"];

    /// <summary>Demand a valid signature of every group.</summary>
    [Parameter]
    public SwitchParameter RequireSignature { get; set; }

    /// <summary>Let signatures of the old format count, which protect neither header nor descriptors.</summary>
    [Parameter]
    public SwitchParameter AllowLegacy { get; set; }

    /// <inheritdoc/>
    private protected override void Process(string path)
    {
        var options = new SifTestOptions { RequireSignature = RequireSignature, AllowLegacy = AllowLegacy };
        var isSound = true;
        foreach (var finding in SifTester.Test(path, Keys, options, Progress, Stopped))
        {
            if (finding.IsError || IsAboutCoverage(finding))
                WriteWarning($"{path}: {finding}");
            else
                WriteVerbose($"{path}: {finding}");
            WriteInformation(finding, s_tags);
            isSound &= !finding.IsError;
        }

        WriteObject(isSound);
    }

    // Who sees a signature may take it to be about all that there is.
    private static bool IsAboutCoverage(SifFinding finding) =>
        finding.Id is SifFindingId.GroupNotSigned or SifFindingId.ObjectNotInGroup or SifFindingId.LegacySignature;
}
