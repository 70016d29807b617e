using System.Management.Automation;
using OverlayTools.Sif;

namespace OverlayTools.Completion;

/// <summary>Offers the ids of the signatures in the image that <c>-Path</c> names.</summary>
public sealed class SifSignatureIdCompleter : SifObjectIdCompleter
{
    private protected override IEnumerable<CompletionResult> Offer(SifImage image) =>
        image.Objects.Where(o => o.DataType == SifDataType.Signature).Select(Describe);
}
