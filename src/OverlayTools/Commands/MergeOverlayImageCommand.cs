using System.Management.Automation;
using OverlayTools.Completion;
using OverlayTools.Containers;

namespace OverlayTools.Commands;

/// <summary>Merges overlays with a base into a SIF image, or with one another.</summary>
[Cmdlet(VerbsData.Merge, "OverlayImage", SupportsShouldProcess = true, DefaultParameterSetName = PathSet)]
[OutputType(typeof(OverlayConversionResult))]
public sealed class MergeOverlayImageCommand : LayerOutputCommand
{
    private readonly List<OverlayLayer> _layers = [];
    private bool _isIncomplete;

    /// <summary>The file to make.</summary>
    [Parameter(Mandatory = true, Position = 1)]
    [ValidateNotNullOrEmpty]
    public string Destination { get; set; } = "";

    /// <summary>The partition of a SIF image; all of its overlays when left out.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(SifObjectIdCompleter))]
    public uint? Id { get; set; }

    /// <summary>What the overlays lie on: a SIF, squashfs or ext3 image, or a directory; then a SIF image is
    /// made.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Base { get; set; }

    /// <summary>Replace a file that is there.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        var literal = ParameterSetName == LiteralPathSet;
        foreach (var path in literal ? LiteralPath : Path)
        {
            var found = ResolveExisting([path], literal).ToList();
            // Without one that was named, the result would be another.
            _isIncomplete |= found.Count == 0;
            if (found.Count == 0 && WildcardPattern.ContainsWildcardCharacters(path))
                ForTarget(path, () => throw new EngineException(ErrorIds.OverlayFileNotFound, $"No file is called '{path}'.",
                    "Check the path.", path));
            _layers.AddRange(found.Select(layer => new OverlayLayer(layer, Id)));
        }
    }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        string? lowest = null;
        if (_isIncomplete || !TryResolveNew(Destination, out var destination) || (Base is not null && !TryResolveNew(Base, out lowest)))
            return;
        ForTarget(destination, () => Merge(destination, lowest));
    }

    private void Merge(string destination, string? lowest)
    {
        var names = string.Join(", ", _layers.Select(layer => $"'{layer.Path}'"));
        if (!ShouldProcess(destination, lowest is null ? $"Merge the overlays {names}" : $"Merge '{lowest}' with the overlays {names}"))
            return;
        var merge = new OverlayMerge
        {
            Overlays = _layers,
            Base = lowest,
            Destination = destination,
            Format = GivenFormat,
            Packing = Packing,
            SizeBytes = GivenSize,
            Force = Force,
        };
        Report(OverlayMerger.Merge(merge, Progress, Stopped));
    }
}
