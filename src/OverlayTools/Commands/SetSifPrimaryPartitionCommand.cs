using System.Management.Automation;
using OverlayTools.Completion;
using OverlayTools.Sif;

namespace OverlayTools.Commands;

/// <summary>Chooses the root file system that a SIF image runs.</summary>
[Cmdlet(VerbsCommon.Set, "SifPrimaryPartition", SupportsShouldProcess = true, DefaultParameterSetName = PathSet)]
[OutputType(typeof(SifDescriptorInfo))]
public sealed class SetSifPrimaryPartitionCommand : SifImageCommand
{
    /// <summary>The partition's id.</summary>
    [Parameter(Mandatory = true, Position = 1, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(SifObjectIdCompleter))]
    public uint Id { get; set; }

    /// <summary>Emits the partition as it is afterwards.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (var path in Images())
            ForTarget(path, () => Set(path));
    }

    private void Set(string path)
    {
        if (!ShouldProcess(path, Describe(path)))
            return;
        var change = SifEditor.SetPrimary(path, Id, token: Stopped);
        WarnIfUnlocked(path, change.Locked);
        if (!change.Changed)
            WriteVerbose($"Object {Id} of '{path}' is its primary partition already.");
        if (PassThru)
            WriteObject(SifDescriptorInfo.Of(path, change.Primary));
    }

    // Also says which overlays no longer count: the runtime takes those of the primary partition's group.
    private string Describe(string path)
    {
        using var image = SifImage.Open(path, Stopped);
        var target = image.Find(Id);
        var former = image.PrimaryPartition;
        var ignored = image.Objects.Where(o => target.GroupId is { } group && o.GroupId != group
            && o.IsPartition(SifPartitionType.Overlay)).Select(o => o.Id).ToList();
        if (target != former && ignored.Count > 0)
            WriteWarning($"When '{path}' runs from object {Id}, these overlays will be ignored, being in another group "
                + $"than {target.GroupId}: object {string.Join(", ", ignored)}.");
        return former is null || former == target
            ? $"Make object {Id}, {target.TypeText}, the primary partition"
            : $"Make object {Id}, {target.TypeText}, the primary partition instead of object {former.Id}, {former.TypeText}";
    }
}
