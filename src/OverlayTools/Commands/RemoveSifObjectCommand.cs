using System.Management.Automation;
using OverlayTools.Completion;
using OverlayTools.Sif;

namespace OverlayTools.Commands;

/// <summary>Removes objects from SIF images.</summary>
[Cmdlet(VerbsCommon.Remove, "SifObject", SupportsShouldProcess = true, DefaultParameterSetName = PathSet)]
[OutputType(typeof(void))]
public sealed class RemoveSifObjectCommand : SifImageCommand
{
    private readonly Dictionary<string, List<uint>> _wanted = new(StringComparer.Ordinal);

    /// <summary>The objects' ids.</summary>
    [Parameter(Mandatory = true, Position = 1, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(SifObjectIdCompleter))]
    [ValidateNotNullOrEmpty]
    public uint[] Id { get; set; } = [];

    /// <summary>Overwrite the objects' bytes with zeros.</summary>
    [Parameter]
    public SwitchParameter Zero { get; set; }

    /// <summary>Cut the file behind the last object that is left.</summary>
    [Parameter]
    public SwitchParameter Compact { get; set; }

    /// <summary>Remove even the root file system that is run.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (var path in Images())
        {
            if (!_wanted.TryGetValue(path, out var ids))
                _wanted[path] = ids = [];
            ids.AddRange(Id);
        }
    }

    /// <summary>All objects of an image go as one, so that a signature and what it covers may come in any
    /// order.</summary>
    protected override void EndProcessing()
    {
        foreach (var (path, ids) in _wanted)
            ForTarget(path, () => Remove(path, ids));
    }

    private void Remove(string path, List<uint> ids)
    {
        var confirmed = Confirm(path, ids);
        if (confirmed.Count == 0)
            return;
        var options = new SifRemoveOptions { Zero = Zero, Compact = Compact, Force = Force };
        var removal = SifEditor.Remove(path, confirmed, options, Stopped);
        WarnIfUnlocked(path, removal.Locked);
        if (removal.Dangling.Count > 0)
            WriteWarning($"'{path}': what is linked to a removed object leads nowhere now: object "
                + $"{string.Join(", ", removal.Dangling.Select(o => o.Id))}.");
        if (removal.OldLength != removal.NewLength)
            WriteVerbose($"'{path}': {ByteSize.Format(removal.OldLength)} -> {ByteSize.Format(removal.NewLength)}.");
    }

    private List<uint> Confirm(string path, List<uint> ids)
    {
        using var image = SifImage.Open(path, Stopped);
        return [.. ids.Distinct().Select(image.Find)
            .Where(o => ShouldProcess(path, $"Remove object {o.Id}, {o.TypeText}, {ByteSize.Format(o.SizeBytes)}"))
            .Select(o => o.Id)];
    }
}
