using System.Management.Automation;
using OverlayTools.Completion;
using OverlayTools.Overlays;

namespace OverlayTools.Commands;

/// <summary>Removes files from overlays, hides entries of the base, and brings hidden ones back.</summary>
[Cmdlet(VerbsCommon.Remove, "OverlayItem", SupportsShouldProcess = true, DefaultParameterSetName = PathSet)]
[OutputType(typeof(void))]
public sealed class RemoveOverlayItemCommand : OverlayContentCommand
{
    private readonly List<(string Image, uint? Id, string ItemPath)> _items = [];

    /// <summary>Paths inside, as in the container; wildcards are accepted.</summary>
    [Parameter(Mandatory = true, Position = 1, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(OverlayItemPathCompleter))]
    public string[] ItemPath { get; set; } = [];

    /// <summary>Remove directories with all that is in them.</summary>
    [Parameter]
    public SwitchParameter Recurse { get; set; }

    /// <summary>Hide what the base has under the name, too.</summary>
    [Parameter]
    public SwitchParameter Whiteout { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (var path in Overlays())
            _items.AddRange(ItemPath.Select(item => (path, Id, item)));
    }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        foreach (var batch in _items.GroupBy(item => (item.Image, item.Id)))
            ForTarget(batch.Key.Image, () => Remove(batch.Key.Image, batch.Key.Id, batch.Select(item => item.ItemPath).Distinct()));
    }

    private void Remove(string image, uint? id, IEnumerable<string> itemPaths)
    {
        var action = Whiteout ? "Remove from the overlay and hide what the base has" : "Remove from the overlay";
        var wanted = itemPaths.Where(path => ShouldProcess($"{image}, {path}", action)).ToList();
        if (wanted.Count == 0)
            return;
        new OverlayItemRemoval
        {
            Path = image,
            Id = id,
            ItemPaths = wanted,
            Pattern = ItemWildcard.PatternOf,
            Recurse = Recurse,
            Whiteout = Whiteout,
        }.Run(WriteWarning, Progress, Stopped);
    }
}
