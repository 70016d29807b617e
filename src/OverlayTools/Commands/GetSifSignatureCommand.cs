using System.Management.Automation;
using OverlayTools.Completion;
using OverlayTools.Sif;
using OverlayTools.Sif.Signatures;

namespace OverlayTools.Commands;

/// <summary>Verifies the signatures in SIF images, and says of each what it covers and who made it.</summary>
[Cmdlet(VerbsCommon.Get, "SifSignature", DefaultParameterSetName = PathSet)]
[OutputType(typeof(SifSignatureInfo))]
public sealed class GetSifSignatureCommand : SifKeyCommand
{
    /// <summary>Only the signature objects with these ids; one that is not there is an error.</summary>
    [Parameter(Position = 1, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(SifSignatureIdCompleter))]
    public uint[]? Id { get; set; }

    /// <summary>Only signatures that are about these groups, or objects in them.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(SifGroupIdCompleter))]
    public uint[]? GroupId { get; set; }

    /// <summary>Only signatures that cover all of these objects, of which alone the data is then verified.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(SifObjectIdCompleter))]
    public uint[]? CoveredId { get; set; }

    /// <inheritdoc/>
    private protected override void Process(string path)
    {
        using var image = SifImage.Open(path, Stopped);
        var options = new SifVerificationOptions { SignatureIds = Id, GroupIds = GroupId, CoveredIds = CoveredId };
        foreach (var check in SifVerifier.Verify(image, Keys, options, Progress, Stopped).Signatures)
            WriteObject(new SifSignatureInfo(path, check));

        foreach (var missing in (Id ?? []).Where(id => !IsSignature(image, id)))
            ForTarget(path, () => throw new EngineException(ErrorIds.SifDescriptorNotFound,
                $"'{path}' has no signature {missing}.", "Get-SifSignature without -Id shows those there are.", path));
    }

    private static bool IsSignature(SifImage image, uint id) =>
        image.Objects.Any(o => o.Id == id && o.DataType == SifDataType.Signature);
}
