using System.Management.Automation;
using OverlayTools.Completion;
using OverlayTools.Overlays;

namespace OverlayTools.Commands;

/// <summary>Clones overlay images.</summary>
[Cmdlet(VerbsCommon.Copy, "OverlayImage", SupportsShouldProcess = true, DefaultParameterSetName = PathSet)]
[OutputType(typeof(OverlayImage))]
public sealed class CopyOverlayImageCommand : OverlayToolsCommand
{
    private const string PathSet = "Path";
    private const string LiteralPathSet = "LiteralPath";

    /// <summary>Overlay images, or SIF images with one inside; wildcards are accepted.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = PathSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] Path { get; set; } = [];

    /// <summary>The images; every character stands for itself.</summary>
    [Parameter(Mandatory = true, ParameterSetName = LiteralPathSet, ValueFromPipelineByPropertyName = true)]
    [Alias("FullName", "PSPath", "LP")]
    [ValidateNotNullOrEmpty]
    public string[] LiteralPath { get; set; } = [];

    /// <summary>The clones, or directories to put them into; one clone each.</summary>
    [Parameter(Mandatory = true, Position = 1)]
    [ValidateNotNullOrEmpty]
    public string[] Destination { get; set; } = [];

    /// <summary>The partition of a SIF image that has several; it becomes an image of its own.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(SifObjectIdCompleter))]
    public uint? Id { get; set; }

    /// <summary>What the clones have in common with their source: Uuid.</summary>
    [Parameter]
    public OverlayCloneKeep Keep { get; set; }

    /// <summary>Replace files that are there.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>Emit the clones.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        var literal = ParameterSetName == LiteralPathSet;
        foreach (var path in ResolveExisting(literal ? LiteralPath : Path, literal))
            ForTarget(path, () => CloneAll(path));
    }

    private void CloneAll(string path)
    {
        using var source = OverlayCloneSource.Open(path, Id);
        foreach (var destination in Destination)
        {
            if (TryResolveNew(destination, out var target))
                ForTarget(target, () => Clone(source, path, target));
        }
    }

    private void Clone(OverlayCloneSource source, string path, string destination)
    {
        var target = Directory.Exists(destination)
            ? System.IO.Path.Combine(destination, System.IO.Path.GetFileName(path))
            : destination;
        if (!ShouldProcess(target, $"Clone '{path}'"))
            return;
        var clone = source.CloneTo(target, Keep, Force, Progress, Stopped);
        if (PassThru)
            WriteObject(clone);
    }
}
