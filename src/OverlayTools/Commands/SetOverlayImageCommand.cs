using System.Management.Automation;
using OverlayTools.Completion;
using OverlayTools.Overlays;

namespace OverlayTools.Commands;

/// <summary>Changes owner and label of overlay images in place.</summary>
[Cmdlet(VerbsCommon.Set, "OverlayImage", SupportsShouldProcess = true, DefaultParameterSetName = PathSet)]
[OutputType(typeof(OverlayImage))]
public sealed class SetOverlayImageCommand : ImageFileCommand
{
    /// <summary>The one partition of a SIF image to change; without it all ext3 ones are.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(SifObjectIdCompleter))]
    public uint? Id { get; set; }

    /// <summary>Who shall own upper and work: USER:GROUP or USER, as numbers or names.</summary>
    /// <remarks>Not from the pipeline: the Owner of an image that is piped here is who owns it now.</remarks>
    [Parameter]
    [OverlayOwnerTransformation]
    [ArgumentCompleter(typeof(OwnerCompleter))]
    public OverlayOwner? Owner { get; set; }

    /// <summary>Let root own it, as running it with -FakeRoot needs.</summary>
    [Parameter]
    public SwitchParameter FakeRoot { get; set; }

    /// <summary>Change only what has this user or this group.</summary>
    [Parameter]
    [OverlayOwnerTransformation]
    [ArgumentCompleter(typeof(OwnerCompleter))]
    public OverlayOwner? From { get; set; }

    /// <summary>Change all that is below the two directories, too.</summary>
    [Parameter]
    public SwitchParameter Recurse { get; set; }

    /// <summary>The new label of the file system, at most 16 bytes; an empty one removes it.</summary>
    [Parameter]
    [AllowEmptyString]
    public string? Label { get; set; }

    /// <summary>Change a signed SIF image, too: its signature is no longer valid then.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>Emit the images as they are afterwards.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    private OverlayOwner? NewOwner => FakeRoot ? OverlayOwner.Root : Owner;

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        if (Hindrance() is { } error)
            ThrowTerminatingError(ErrorMapping.ToErrorRecord(error, Owner));
    }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (var path in Images())
            ForTarget(path, () => Set(path));
    }

    private void Set(string path)
    {
        if (!ShouldProcess(path, Describe()))
            return;
        var images = OverlayChanger.Apply(new OverlayChange
        {
            Path = path,
            Id = Id,
            Owner = NewOwner,
            From = From,
            Recurse = Recurse,
            Force = Force,
            Label = MyInvocation.BoundParameters.ContainsKey(nameof(Label)) ? Label ?? string.Empty : null,
        }, Progress, Stopped);
        if (PassThru)
            WriteObject(images, enumerateCollection: true);
    }

    private EngineException? Hindrance()
    {
        if (FakeRoot && Owner is not null && Owner != OverlayOwner.Root)
            return new EngineException(ErrorIds.OptionConflict, $"-FakeRoot makes root the owner, -Owner {Owner}.", "Give one of them.", Owner);
        if (NewOwner is null && (Recurse || From is not null))
            return new EngineException(ErrorIds.OptionConflict, "-Recurse and -From say whose owner changes, and there is no new one.",
                "Give -Owner or -FakeRoot.", "Owner");
        return NewOwner is null && !MyInvocation.BoundParameters.ContainsKey(nameof(Label))
            ? new EngineException(ErrorIds.OptionConflict, "There is nothing to change.", "Give -Owner, -FakeRoot or -Label.", "Owner")
            : null;
    }

    private string Describe()
    {
        var parts = new List<string>();
        if (NewOwner is { } owner)
            parts.Add($"Set the owner of {(Recurse ? "all files in 'upper' and 'work'" : "'upper' and 'work'")}"
                + $"{(From is null ? "" : $" from {From}")} to {owner}");
        if (MyInvocation.BoundParameters.ContainsKey(nameof(Label)))
            parts.Add($"Set the label to '{Label}'");
        return string.Join(", ", parts);
    }
}
