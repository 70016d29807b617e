using OverlayTools.IO;

namespace OverlayTools.Sif;

/// <summary>
/// Changes where an object of an image lies and how long it is, so that after a crash at any moment the image reads as
/// before or as after. The caller holds the image open and locked as a whole.
/// </summary>
/// <remarks>What decides are two fields side by side, offset and size: 16 bytes that are written at once where they lie
/// in one sector, as they do in a table where everybody puts it. The rest of the slot, and the header, say nothing that
/// a reader relies on.</remarks>
internal sealed class SifPlacement
{
    private const int SectorSize = 512;
    private const int PlaceBytes = 2 * sizeof(long);

    private readonly Window _file;
    private readonly string _path;
    private readonly SifChangeOptions _options;
    private readonly uint _id;
    private SifImage _image;

    private SifPlacement(Window file, string path, uint id, SifImage image, SifChangeOptions options)
    {
        (_file, _path, _id, _image, _options) = (file, path, id, image, options);
    }

    /// <summary>Where the object starts in the file, in bytes.</summary>
    public long Offset => Object.Offset;

    /// <summary>Bytes of the object.</summary>
    public long SizeBytes => Object.SizeBytes;

    /// <summary>Whether nothing follows the object, so that it can become longer where it is.</summary>
    public bool IsLast => _image.Objects.All(other => other.Id == _id || other.SizeBytes == 0 || other.End <= Offset);

    /// <summary>Where the object would start if it moved behind all others.</summary>
    public long NextOffset =>
        SifLayout.Align(SifImage.DataEnd(_image.Header, _image.Objects), SifLayout.PartitionAlignment);

    private SifObject Object => _image.Find(_id);

    /// <summary>Finds the object, and checks that it may be changed.</summary>
    /// <param name="file">The whole image; it can change its length.</param>
    /// <param name="path">Its path, for errors.</param>
    /// <param name="id">The object's number.</param>
    /// <param name="options">The time that the change leaves; null for the ordinary one.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.SifSigned"/>, <see cref="ErrorIds.SifCorrupt"/>,
    /// <see cref="ErrorIds.SifDescriptorNotFound"/>, or what opening the image throws.</exception>
    public static SifPlacement Open(Window file, string path, uint id, SifChangeOptions? options = null)
    {
        var image = SifImage.Open(file, path);
        if (image.ModificationFault is { } fault)
            throw SifFailure.NotChangeable(path, fault);
        var placement = new SifPlacement(file, path, id, image, options ?? new SifChangeOptions());
        image.RefuseSigned(placement.Object);
        return placement;
    }

    private long PlaceAt => _image.Header.SlotOffset(Object.Slot) + SifDescriptor.OffsetOffset;

    /// <summary>Makes the file long enough for an object at some place behind all others, which reads as zeros
    /// there, past what the object itself holds.</summary>
    public void MakeRoom(long offset, long size)
    {
        var used = SifImage.DataEnd(_image.Header, _image.Objects);
        var end = checked(offset + size);
        var leftover = Math.Min(_file.Length, end) - used;
        if (leftover > 0)
            _file.Clear(used, leftover);
        if (_file.Length < end)
            _file.SetLength(end);
    }

    /// <summary>Keeps what a removal left where an object at some place will be, for the case that it comes to
    /// nothing.</summary>
    public SifRemains KeepRemains(long offset, long size, CancellationToken token) =>
        SifRemains.Take(_file, SifImage.DataEnd(_image.Header, _image.Objects), checked(offset + size), token);

    /// <summary>Says in the image where the object lies; its bytes are there already.</summary>
    public void Move(long offset, long size)
    {
        _file.Flush();
        var before = _image.Objects.Where(other => other.Id != _id && other.Offset < offset);
        var start = SifImage.DataEnd(_image.Header, before);
        var seconds = _options.Seconds(_image.IsDeterministic);
        var slot = new byte[SifDescriptor.Size];
        Object.Descriptor.Write(slot);
        var descriptor = SifDescriptor.Parse(slot);
        descriptor.Offset = offset;
        descriptor.DataSize = size;
        descriptor.SizeWithPadding = offset - start + size;
        descriptor.ModifiedAt = seconds;
        descriptor.Write(slot);
        List<SifObject> objects = [.. _image.Objects.Select(one => one.Id == _id ? one.With(descriptor) : one)];
        var header = _image.Header.Copy();
        header.DescriptorsFree = _image.FreeDescriptors;
        header.DataSize = SifImage.DataEnd(header, objects) - header.DataOffset;
        header.ModifiedAt = seconds;
        if (PlaceAt / SectorSize == (PlaceAt + PlaceBytes - 1) / SectorSize)
            WriteSlot(slot, header);
        else
            SifTableSwap.Run(_file, _image, header, objects);
        _image = SifImage.Open(_file, _path);
    }

    /// <summary>Gives back what a range takes of the disk, and the end of the file, where no object lies.</summary>
    public void Release(long offset, long size)
    {
        var end = SifImage.DataEnd(_image.Header, _image.Objects);
        var holeEnd = Math.Min(offset + size, end);
        if (holeEnd > offset)
            _file.Clear(offset, holeEnd - offset);
        if (_file.Length > end)
            _file.SetLength(end);
        _file.Flush();
    }

    private void WriteSlot(byte[] slot, SifHeader header)
    {
        _file.Write(PlaceAt, slot.AsSpan(SifDescriptor.OffsetOffset, PlaceBytes));
        _file.Flush();
        _file.Write(PlaceAt + PlaceBytes, slot.AsSpan(SifDescriptor.SizeWithPaddingOffset, sizeof(long)));
        _file.Write(PlaceAt + SifDescriptor.ModifiedAtOffset - SifDescriptor.OffsetOffset,
            slot.AsSpan(SifDescriptor.ModifiedAtOffset, sizeof(long)));
        header.Write(_file);
        _file.Flush();
    }
}
