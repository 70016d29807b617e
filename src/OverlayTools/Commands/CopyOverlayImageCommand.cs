using System.Management.Automation;
using OverlayTools.Completion;
using OverlayTools.Overlays;

namespace OverlayTools.Commands;

/// <summary>Clones overlay images.</summary>
[Cmdlet(VerbsCommon.Copy, "OverlayImage", SupportsShouldProcess = true, DefaultParameterSetName = PathSet)]
[OutputType(typeof(OverlayImage))]
public sealed class CopyOverlayImageCommand : ImageFileCommand
{
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
        foreach (var path in Images())
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
