using System.Management.Automation;
using OverlayTools.Completion;
using OverlayTools.Drawing;
using OverlayTools.Overlays;

namespace OverlayTools.Commands;

/// <summary>Draws what the space of overlay images is used for: metadata, journal, files, free blocks.</summary>
[Cmdlet(VerbsCommon.Show, "OverlayUsage", DefaultParameterSetName = PathSet)]
[OutputType(typeof(OverlayUsageMap), typeof(string))]
public sealed class ShowOverlayUsageCommand : ImageFileCommand
{
    /// <summary>The one partition of a SIF image to draw; without it all ext3 ones are.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(SifObjectIdCompleter))]
    public uint? Id { get; set; }

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
        foreach (var usage in OverlayUsageReader.Read(path, Id, Stopped))
        {
            var map = new OverlayUsageMap(usage);
            WriteObject(AsSvg ? map.ToSvg() : map);
        }
    }
}
