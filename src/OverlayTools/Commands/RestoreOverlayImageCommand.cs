using System.Management.Automation;
using OverlayTools.Completion;
using OverlayTools.Overlays;

namespace OverlayTools.Commands;

/// <summary>Brings overlays back to what they were when a checkpoint was made.</summary>
[Cmdlet(VerbsData.Restore, "OverlayImage", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High,
    DefaultParameterSetName = InputObjectSet)]
[OutputType(typeof(OverlayImage))]
public sealed class RestoreOverlayImageCommand : OverlayToolsCommand
{
    private const string InputObjectSet = "InputObject";
    private const string PathSet = "Path";
    private const string LiteralPathSet = "LiteralPath";

    /// <summary>Checkpoints, from <c>Get-OverlayImage -Checkpoint</c>.</summary>
    [Parameter(Mandatory = true, ParameterSetName = InputObjectSet, ValueFromPipeline = true)]
    [ValidateNotNull]
    public OverlayCheckpoint[] InputObject { get; set; } = [];

    // Not by property name: a checkpoint has a path too, its own.

    /// <summary>The overlay images, or SIF images with overlays; wildcards are accepted.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = PathSet, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] Path { get; set; } = [];

    /// <summary>The images; every character stands for itself.</summary>
    [Parameter(Mandatory = true, ParameterSetName = LiteralPathSet, ValueFromPipelineByPropertyName = true)]
    [Alias("FullName", "PSPath", "LP")]
    [ValidateNotNullOrEmpty]
    public string[] LiteralPath { get; set; } = [];

    /// <summary>The checkpoint's name.</summary>
    [Parameter(Mandatory = true, Position = 1, ParameterSetName = PathSet)]
    [Parameter(Mandatory = true, Position = 1, ParameterSetName = LiteralPathSet)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(CheckpointNameCompleter))]
    public string Name { get; set; } = string.Empty;

    /// <summary>The partition of a SIF image of which several have a checkpoint of that name.</summary>
    [Parameter(ParameterSetName = PathSet)]
    [Parameter(ParameterSetName = LiteralPathSet)]
    [ArgumentCompleter(typeof(SifObjectIdCompleter))]
    public uint? Id { get; set; }

    /// <summary>Emit the images as they are then.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        if (ParameterSetName == InputObjectSet)
        {
            foreach (var checkpoint in InputObject)
                ForTarget(checkpoint.ImagePath, () => Restore(checkpoint));
            return;
        }

        var literal = ParameterSetName == LiteralPathSet;
        foreach (var path in ResolveExisting(literal ? LiteralPath : Path, literal))
            ForTarget(path, () => Restore(OverlayCheckpoints.Find(path, Id, Name)));
    }

    private void Restore(OverlayCheckpoint checkpoint)
    {
        var action = $"Discard all changes since the checkpoint '{checkpoint.Name}' of {checkpoint.Created.LocalDateTime:yyyy-MM-dd HH:mm:ss}";
        if (!ShouldProcess(checkpoint.ImagePath, action))
            return;
        var restored = OverlayCheckpoints.Restore(checkpoint, Progress, Stopped);
        if (PassThru)
            WriteObject(restored);
    }
}
