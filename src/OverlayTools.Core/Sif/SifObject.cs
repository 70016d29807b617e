using System.Globalization;
using OverlayTools.IO;

namespace OverlayTools.Sif;

/// <summary>An object in a SIF image: a used slot of the table, and its data.</summary>
public sealed class SifObject
{
    private readonly Window _image;
    private readonly string _path;

    internal SifObject(Window image, string path, long slot, SifDescriptor descriptor, string? placeFault)
    {
        _image = image;
        _path = path;
        Slot = slot;
        Descriptor = descriptor;
        DataType = descriptor.DataType is > TypeBase and <= TypeBase + (int)SifDataType.OciBlob
            ? (SifDataType)(descriptor.DataType - TypeBase)
            : SifDataType.Unknown;
        Metadata = SifMetadata.Parse(DataType, descriptor.Extra, out var metadataFault);
        PlaceFault = placeFault;
        Fault = placeFault ?? metadataFault;
    }

    /// <summary>What is added to a <see cref="SifDataType"/> on disk.</summary>
    internal const int TypeBase = 0x4000;

    /// <summary>The slot's index in the table, from 0.</summary>
    public long Slot { get; }

    /// <summary>The slot's fields as stored.</summary>
    public SifDescriptor Descriptor { get; }

    /// <summary>The object's number.</summary>
    public uint Id => Descriptor.Id;

    /// <summary>What the object is.</summary>
    public SifDataType DataType { get; }

    /// <summary>The group, or null when it is in none.</summary>
    public uint? GroupId => NumberOrNull(Descriptor.GroupId);

    /// <summary>The object or group that this one is about, or null.</summary>
    public uint? LinkedId => NumberOrNull(Descriptor.LinkedId);

    /// <summary>Whether <see cref="LinkedId"/> is a group; only a link with all four mask bits is.</summary>
    public bool LinkedToGroup =>
        LinkedId is not null && (Descriptor.LinkedId & SifDescriptor.GroupMask) == SifDescriptor.GroupMask;

    /// <summary>Where the data starts in the file, in bytes.</summary>
    public long Offset => Descriptor.Offset;

    /// <summary>Bytes of data.</summary>
    public long SizeBytes => Descriptor.DataSize;

    /// <summary>The name, safe to show; empty when there is none.</summary>
    public string Name => SifText.Show(Descriptor.Name);

    /// <summary>The name as stored, without the NULs at its end.</summary>
    public ReadOnlySpan<byte> NameBytes => SifText.Trim(Descriptor.Name);

    /// <summary>When the object was made; null when unset or out of range.</summary>
    public DateTimeOffset? Created => SifTime.ToDateTimeOffset(Descriptor.CreatedAt);

    /// <summary>When the object was last changed; null when unset or out of range.</summary>
    public DateTimeOffset? Modified => SifTime.ToDateTimeOffset(Descriptor.ModifiedAt);

    /// <summary>What the descriptor says beyond that, or null.</summary>
    public SifMetadata? Metadata { get; }

    /// <summary>File system, purpose and architecture of a partition; null for other objects.</summary>
    public SifPartitionMetadata? Partition => Metadata as SifPartitionMetadata;

    /// <summary>What is wrong with this object (its data cannot be had), or null.</summary>
    public string? Fault { get; }

    /// <summary>The type as <c>siftool list</c> shows it, for example <c>FS (Ext3/Overlay/amd64)</c>.</summary>
    public string TypeText => DataType switch
    {
        SifDataType.DefinitionFile => "Def.FILE",
        SifDataType.EnvironmentVariables => "Env.Vars",
        SifDataType.Labels => "JSON.Labels",
        SifDataType.Partition => $"FS ({Metadata?.Text})",
        SifDataType.Signature => $"Signature ({Metadata?.Text ?? "Unknown"})",
        SifDataType.GenericJson => "JSON.Generic",
        SifDataType.Generic => "Generic/Raw",
        SifDataType.CryptographicMessage => $"Cryptographic Message ({Metadata?.Text})",
        SifDataType.Sbom => $"SBOM ({Metadata?.Text})",
        SifDataType.OciRootIndex => "OCI.RootIndex",
        SifDataType.OciBlob => "OCI.Blob",
        _ => "Unknown",
    };

    /// <summary>First byte and end as <c>siftool list</c> shows them, for example <c>32768-36864</c>.</summary>
    public string PositionText => string.Create(CultureInfo.InvariantCulture,
        $"{Offset}-{unchecked(Offset + SizeBytes)}");

    /// <summary>What is wrong with id, offset or size: such an image must not be changed.</summary>
    internal string? PlaceFault { get; }

    /// <summary>The first byte after the data; only of an object without a <see cref="PlaceFault"/>.</summary>
    internal long End => Offset + SizeBytes;

    internal bool IsPartition(SifPartitionType type) => Partition?.PartitionType == type;

    /// <summary>The object's data. It can be read as long as the image is open, and written if that was opened for
    /// writing.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.SifCorrupt"/> when the object has a
    /// <see cref="Fault"/>.</exception>
    public Window OpenData()
    {
        if (Fault is not null)
            throw SifFailure.Corrupt(_path, $"object {Id}: {Fault}");
        return DataWindow();
    }

    /// <summary>The data of an object whose descriptor is not complete yet.</summary>
    internal Window DataWindow() =>
        SizeBytes == 0 ? new SubWindow(_image, 0, 0) : new SubWindow(_image, Offset, SizeBytes);

    /// <summary>The object with the metadata that its descriptor has by now.</summary>
    internal SifObject Reread() => new(_image, _path, Slot, Descriptor, PlaceFault);

    /// <summary>The object with another descriptor in the same slot.</summary>
    internal SifObject With(SifDescriptor descriptor) => new(_image, _path, Slot, descriptor, PlaceFault);

    private static uint? NumberOrNull(uint raw) =>
        (raw & ~SifDescriptor.GroupMask) is var number and not 0 ? number : null;
}
