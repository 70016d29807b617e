using System.Management.Automation;
using OverlayTools.Completion;
using OverlayTools.Overlays;

namespace OverlayTools.Commands;

/// <summary>Lists what is inside overlays, and what it means to the layers below.</summary>
[Cmdlet(VerbsCommon.Get, "OverlayItem", DefaultParameterSetName = PathSet)]
[OutputType(typeof(OverlayItem))]
public sealed class GetOverlayItemCommand : OverlayContentCommand
{
    /// <summary>Paths inside, as in the container; wildcards are accepted.</summary>
    [Parameter(Position = 1, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(OverlayItemPathCompleter))]
    public string[] ItemPath { get; set; } = ["/"];

    /// <summary>List all that is below, too.</summary>
    [Parameter]
    public SwitchParameter Recurse { get; set; }

    /// <summary>List so many levels below.</summary>
    [Parameter]
    [ValidateRange(0, int.MaxValue)]
    public int? Depth { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (var path in Overlays())
        {
            foreach (var itemPath in ItemPath)
                ForTarget(path, () => List(path, itemPath));
        }
    }

    private void List(string path, string itemPath)
    {
        var query = new OverlayItemQuery
        {
            Path = path,
            Id = Id,
            ItemPath = itemPath,
            Pattern = ItemWildcard.PatternOf,
            Recurse = Recurse,
            Depth = Depth,
        };
        foreach (var item in OverlayItemReader.Read(query, WriteWarning, Stopped))
            WriteObject(item);
    }
}
