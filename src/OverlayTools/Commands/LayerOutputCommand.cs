using System.Management.Automation;
using OverlayTools.Containers;
using OverlayTools.Sif;

namespace OverlayTools.Commands;

/// <summary>What cmdlets that write a layer anew share: its form, and how it is packed.</summary>
public abstract class LayerOutputCommand : ImageFileCommand
{
    /// <summary>Squashfs or Ext3; what suits the source or the destination, when left out.</summary>
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
    [SizeTransformation]
    public long SizeBytes { get; set; }

    /// <summary>Emit what was made.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    private protected SifFileSystem? GivenFormat => IsBound(nameof(Format)) ? Format : null;

    private protected SquashfsPacking Packing => new(Compression, IsBound(nameof(CompressionLevel)) ? CompressionLevel : null);

    private protected long? GivenSize => IsBound(nameof(SizeBytes)) ? SizeBytes : null;

    private protected void Report(OverlayConversionResult result)
    {
        foreach (var warning in result.Warnings)
            WriteWarning(warning);
        if (PassThru)
            WriteObject(result);
    }
}
