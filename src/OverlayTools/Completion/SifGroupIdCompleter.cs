using System.Management.Automation;
using OverlayTools.Sif;

namespace OverlayTools.Completion;

/// <summary>Offers the groups in the image that <c>-Path</c> names, with what is in them.</summary>
public sealed class SifGroupIdCompleter : SifObjectIdCompleter
{
    private protected override IEnumerable<CompletionResult> Offer(SifImage image) => image.Objects
        .Where(o => o.GroupId is not null).GroupBy(o => o.GroupId!.Value).OrderBy(g => g.Key)
        .Select(g => new CompletionResult(Text(g.Key), Text(g.Key), CompletionResultType.ParameterValue,
            string.Join("; ", g.Select(o => $"{o.Id} {o.TypeText}"))));
}
