using System.Management.Automation;
using OverlayTools.IO;
using OverlayTools.Sif;

namespace OverlayTools.Commands;

/// <summary>Describes SIF images: header, space, layout, and who uses them.</summary>
[Cmdlet(VerbsCommon.Get, "SifImage", DefaultParameterSetName = PathSet)]
[OutputType(typeof(SifImageInfo))]
public sealed class GetSifImageCommand : SifImageCommand
{
    private ImageUsers? _users;

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (var path in Images())
            ForTarget(path, () => Describe(path));
    }

    private void Describe(string path)
    {
        using var image = SifImage.Open(path, Stopped);
        // One look serves the whole pipeline: it goes through all processes.
        _users ??= ImageUsers.Look();
        WriteObject(new SifImageInfo(image, _users));
    }
}
