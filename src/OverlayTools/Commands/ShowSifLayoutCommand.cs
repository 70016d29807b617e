using System.Management.Automation;
using OverlayTools.Drawing;
using OverlayTools.Sif;

namespace OverlayTools.Commands;

/// <summary>Draws the map of SIF images: objects, holes, alignment.</summary>
[Cmdlet(VerbsCommon.Show, "SifLayout", DefaultParameterSetName = PathSet)]
[OutputType(typeof(SifLayoutMap), typeof(string))]
public sealed class ShowSifLayoutCommand : SifImageCommand
{
    /// <summary>Emit the drawing as an SVG document.</summary>
    [Parameter]
    public SwitchParameter AsSvg { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (var path in Images())
            ForTarget(path, () => Draw(path));
    }

    private void Draw(string path)
    {
        using var image = SifImage.Open(path, Stopped);
        var map = new SifLayoutMap(image);
        WriteObject(AsSvg ? map.ToSvg() : map);
    }
}
