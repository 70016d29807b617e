using System.Management.Automation;
using OverlayTools.Completion;
using OverlayTools.Overlays;

namespace OverlayTools.Commands;

/// <summary>Lists what is inside overlays, and what it means to the layers below.</summary>
[Cmdlet(VerbsCommon.Get, "OverlayItem", DefaultParameterSetName = PathSet)]
[OutputType(typeof(OverlayItem))]
public sealed class GetOverlayItemCommand : OverlayToolsCommand
{
    private const string PathSet = "Path";
    private const string LiteralPathSet = "LiteralPath";

    /// <summary>Overlay images, SIF images with overlays, or directories with upper; wildcards are accepted.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = PathSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("ImagePath")]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] Path { get; set; } = [];

    /// <summary>The overlays; every character stands for itself.</summary>
    [Parameter(Mandatory = true, ParameterSetName = LiteralPathSet, ValueFromPipelineByPropertyName = true)]
    [Alias("FullName", "PSPath", "LP")]
    [ValidateNotNullOrEmpty]
    public string[] LiteralPath { get; set; } = [];

    /// <summary>Paths inside, as in the container; wildcards are accepted.</summary>
    [Parameter(Position = 1, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(OverlayItemPathCompleter))]
    public string[] ItemPath { get; set; } = ["/"];

    /// <summary>The one partition of a SIF image to look into; without it all ext3 ones are.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(SifObjectIdCompleter))]
    public uint? Id { get; set; }

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
        var literal = ParameterSetName == LiteralPathSet;
        foreach (var path in ResolveExisting(literal ? LiteralPath : Path, literal))
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
