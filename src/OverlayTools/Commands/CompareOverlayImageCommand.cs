using System.Management.Automation;
using OverlayTools.Completion;
using OverlayTools.Overlays;

namespace OverlayTools.Commands;

/// <summary>Says what overlays do to their base: which files they add, change, hide and replace.</summary>
[Cmdlet(VerbsData.Compare, "OverlayImage", DefaultParameterSetName = PathSet)]
[OutputType(typeof(OverlayDifference), typeof(OverlayDifferenceSummary))]
public sealed class CompareOverlayImageCommand : OverlayContentCommand
{
    /// <summary>The base: a SIF, squashfs or ext3 image, or a directory.</summary>
    [Parameter(Position = 1)]
    [ValidateNotNullOrEmpty]
    public string? Base { get; set; }

    /// <summary>The partition of a base that is a SIF image; without it, the primary one.</summary>
    [Parameter]
    public uint? BaseId { get; set; }

    /// <summary>Read-only overlays between the overlay and the base, from the lowest on.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[] Lower { get; set; } = [];

    /// <summary>Compare what is at and below these paths, as in the container; wildcards are accepted.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(OverlayItemPathCompleter))]
    public string[] ItemPath { get; set; } = ["/"];

    /// <summary>List all that was in a directory that is hidden, too.</summary>
    [Parameter]
    public SwitchParameter Recurse { get; set; }

    /// <summary>Count, rather than list.</summary>
    [Parameter]
    public SwitchParameter Summary { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        string? basePath = null;
        if (Base is not null && !TryResolveNew(Base, out basePath))
            return;
        var lower = new List<string>();
        foreach (var layer in Lower)
        {
            if (!TryResolveNew(layer, out var resolved))
                return;
            lower.Add(resolved);
        }

        foreach (var path in Overlays())
        {
            foreach (var itemPath in ItemPath)
                ForTarget(path, () => Compare(path, basePath, lower, itemPath));
        }
    }

    private void Compare(string path, string? basePath, IReadOnlyList<string> lower, string itemPath)
    {
        var comparison = new OverlayComparison
        {
            Path = path,
            Id = Id,
            BasePath = basePath,
            BaseId = BaseId,
            Lower = lower,
            ItemPath = itemPath,
            Pattern = ItemWildcard.PatternOf,
            Recurse = Recurse,
        };
        if (Summary)
        {
            WriteObject(OverlayComparer.Summarize(comparison, WriteWarning, Progress, Stopped));
            return;
        }

        var count = 0;
        foreach (var difference in OverlayComparer.Compare(comparison, WriteWarning, Stopped))
        {
            WriteObject(difference);
            Progress.Report(new EngineProgress("Comparing", ++count, 0, "files"));
        }
    }
}
