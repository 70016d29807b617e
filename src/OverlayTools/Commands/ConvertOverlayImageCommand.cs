using System.Management.Automation;
using OverlayTools.Completion;
using OverlayTools.Containers;

namespace OverlayTools.Commands;

/// <summary>Seals overlays as squashfs, and makes sealed ones writable again.</summary>
[Cmdlet(VerbsData.Convert, "OverlayImage", SupportsShouldProcess = true, DefaultParameterSetName = PathSet)]
[OutputType(typeof(OverlayConversionResult))]
public sealed class ConvertOverlayImageCommand : LayerOutputCommand
{
    /// <summary>The file to make, an existing SIF image to put the overlay into, or a directory for a file with the
    /// source's name.</summary>
    [Parameter(Mandatory = true, Position = 1)]
    [ValidateNotNullOrEmpty]
    public string Destination { get; set; } = "";

    /// <summary>The partition of a SIF image that has several overlays.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(SifObjectIdCompleter))]
    public uint? Id { get; set; }

    /// <summary>Remove the partition that was converted from the SIF image, once the new one is on the disk.</summary>
    [Parameter]
    public SwitchParameter Replace { get; set; }

    /// <summary>Replace a file that is there; give a full descriptor table more room.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        if (!TryResolveNew(Destination, out var destination))
            return;
        foreach (var path in Images())
            ForTarget(path, () => Convert(path, destination));
    }

    private void Convert(string path, string destination)
    {
        var conversion = new OverlayConversion
        {
            Path = path,
            Id = Id,
            Destination = destination,
            Format = GivenFormat,
            Packing = Packing,
            SizeBytes = GivenSize,
            Replace = Replace,
            Force = Force,
        };
        if (Directory.Exists(destination))
            conversion = conversion with { Destination = OverlayConverter.NameIn(destination, conversion) };
        var how = Replace ? "Convert the overlay in it, and replace it" : $"Convert the overlay '{path}'";
        if (!ShouldProcess(conversion.Destination, how))
            return;
        Report(OverlayConverter.Convert(conversion, Progress, Stopped));
    }
}
