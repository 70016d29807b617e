using System.Management.Automation;
using OverlayTools.Completion;
using OverlayTools.Containers;
using OverlayTools.Sif;

namespace OverlayTools.Commands;

/// <summary>Seals overlays as squashfs, and makes sealed ones writable again.</summary>
[Cmdlet(VerbsData.Convert, "OverlayImage", SupportsShouldProcess = true, DefaultParameterSetName = PathSet)]
[OutputType(typeof(OverlayConversionResult))]
public sealed class ConvertOverlayImageCommand : ImageFileCommand
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

    /// <summary>Squashfs or Ext3; the other than the source is, when left out.</summary>
    [Parameter]
    [ValidateSet(nameof(SifFileSystem.Squashfs), nameof(SifFileSystem.Ext3))]
    public SifFileSystem Format { get; set; }

    /// <summary>How a squashfs is compressed: Zstd, Gzip, Lz4 or Xz.</summary>
    [Parameter]
    public SealCompression Compression { get; set; }

    /// <summary>The compressor's level: 1 to 22 for Zstd, 1 to 9 for Gzip; the packing program's own when left
    /// out.</summary>
    [Parameter]
    public int CompressionLevel { get; set; }

    /// <summary>Bytes of a new ext3 image; what the content needs, and room for more, when left out.</summary>
    [Parameter]
    public long SizeBytes { get; set; }

    /// <summary>Remove the partition that was converted from the SIF image, once the new one is on the disk.</summary>
    [Parameter]
    public SwitchParameter Replace { get; set; }

    /// <summary>Replace a file that is there; give a full descriptor table more room.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>Emit what was made.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

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
            Format = IsBound(nameof(Format)) ? Format : null,
            Packing = new SquashfsPacking(Compression, IsBound(nameof(CompressionLevel)) ? CompressionLevel : null),
            SizeBytes = IsBound(nameof(SizeBytes)) ? SizeBytes : null,
            Replace = Replace,
            Force = Force,
        };
        if (Directory.Exists(destination))
            conversion = conversion with { Destination = OverlayConverter.NameIn(destination, conversion) };
        var how = Replace ? "Convert the overlay in it, and replace it" : $"Convert the overlay '{path}'";
        if (!ShouldProcess(conversion.Destination, how))
            return;
        var result = OverlayConverter.Convert(conversion, Progress, Stopped);
        foreach (var warning in result.Warnings)
            WriteWarning(warning);
        if (PassThru)
            WriteObject(result);
    }
}
