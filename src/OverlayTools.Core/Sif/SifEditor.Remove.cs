using OverlayTools.IO;

namespace OverlayTools.Sif;

/// <summary>What becomes of the objects' bytes when they are removed.</summary>
public sealed class SifRemoveOptions
{
    /// <summary>Overwrite the objects' bytes with zeros; where the file system can, they no longer take disk
    /// space.</summary>
    public bool Zero { get; init; }

    /// <summary>Cut the file behind the last object that is left.</summary>
    public bool Compact { get; init; }

    /// <summary>Remove even the root file system that is run.</summary>
    public bool Force { get; init; }

    /// <summary>The time that the change leaves; null for the ordinary one.</summary>
    public SifChangeOptions? Change { get; init; }
}

/// <summary>What was removed from an image.</summary>
/// <param name="Objects">The objects, in the order of the table; their data can no longer be read.</param>
/// <param name="Dangling">The objects left behind that are about one that was removed.</param>
/// <param name="OldLength">Bytes in the file before.</param>
/// <param name="NewLength">Bytes in the file now.</param>
/// <param name="Locked">False when the file system knows no locks, so that nothing kept others out.</param>
public sealed record SifRemoval(
    IReadOnlyList<SifObject> Objects, IReadOnlyList<SifObject> Dangling, long OldLength, long NewLength,
    bool Locked = true);

public static partial class SifEditor
{
    /// <summary>Removes objects from an image that the caller holds open and locked.</summary>
    internal static SifRemoval Remove(
        Window file, string path, IReadOnlyCollection<uint> ids, SifRemoveOptions? options = null,
        CancellationToken token = default)
    {
        options ??= new SifRemoveOptions();
        using var image = OpenChangeable(file, path, token);
        var removed = ids.Distinct().Select(image.Find).OrderBy(o => o.Slot).ToList();
        var left = image.Objects.Except(removed).ToList();
        CheckRemoval(image, removed, left, options.Force);
        token.ThrowIfCancellationRequested();

        var header = HeaderWithout(image, removed, left, options);
        var oldLength = file.Length;
        FreeSlots(file, image, header, removed, left);
        // Nothing leads to their bytes any more.
        if (options.Zero)
        {
            foreach (var gone in removed.Where(o => o.SizeBytes > 0))
                file.Clear(gone.Offset, gone.SizeBytes);
            file.Flush();
        }

        if (options.Compact && file.Length != header.DataOffset + header.DataSize)
        {
            file.SetLength(header.DataOffset + header.DataSize);
            file.Flush();
        }

        var dangling = left.Where(o => removed.Exists(gone => !o.LinkedToGroup && o.LinkedId == gone.Id)).ToList();
        return new SifRemoval(removed, dangling, oldLength, file.Length);
    }

    private static void CheckRemoval(
        SifImage image, List<SifObject> removed, List<SifObject> left, bool force)
    {
        foreach (var gone in removed)
        {
            // A signature may go, and with the signature what it covers; the one without the other may not.
            if (gone.DataType != SifDataType.Signature
                && SifImage.SignatureOf(left, image.Objects, gone) is { } signature)
                throw Signed(image.Path,
                    $"Object {gone.Id} of '{image.Path}' is "
                        + (gone.GroupId is { } group ? $"in group {group}, which is signed" : "signed")
                        + $" by object {signature.Id}: without it the signature would no longer be valid.",
                    $"Remove the signature first: Remove-SifObject -Id {signature.Id}.");
            if (!force && gone.IsPartition(SifPartitionType.PrimarySystem))
                throw new EngineException(ErrorIds.SifPrimaryPartitionProtected,
                    $"Object {gone.Id} of '{image.Path}' is its root file system: without it the image cannot be run.",
                    "Give -Force to remove it all the same.", image.Path);
        }
    }

    private static SifHeader HeaderWithout(
        SifImage image, List<SifObject> removed, List<SifObject> left, SifRemoveOptions options)
    {
        var header = image.Header.Copy();
        header.DescriptorsFree = header.DescriptorsTotal - left.Count;
        header.ModifiedAt = (options.Change ?? new SifChangeOptions()).Seconds(image.IsDeterministic);
        if (removed.Exists(o => o.IsPartition(SifPartitionType.PrimarySystem)))
            SifArchitecture.Unknown.WriteCode(header.Arch);
        var end = SifImage.DataEnd(header, options.Compact ? left : image.Objects) - header.DataOffset;
        // The reference implementation leaves the size alone unless it compacts; ours corrects one that is wrong.
        var isPlausible = header.DataSize >= end && header.DataSize <= image.Length - header.DataOffset;
        if (options.Compact || !isPlausible)
            header.DataSize = end;
        return header;
    }

    private static void FreeSlots(
        Window file, SifImage image, SifHeader header, List<SifObject> removed, List<SifObject> left)
    {
        if (removed.Count == 1)
        {
            FreeOneByOne(file, header, removed);
            return;
        }

        try
        {
            SifTableSwap.Run(file, image, header, left);
        }
        catch (IOException error) when (FullDisk.Caused(error) && LeadsToItsTable(file, image))
        {
            // A second table has no room on a full disk, which is when one removes things.
            FreeOneByOne(file, header, removed);
        }
    }

    private static bool LeadsToItsTable(Window file, SifImage image) =>
        SifReader.ReadHeader(file, image.Path).DescriptorsOffset == image.Header.DescriptorsOffset;

    // Each object goes with one byte; only then is the rest of its slot overwritten. Signatures go first: a crash in
    // between leaves none that misses what it covers.
    private static void FreeOneByOne(Window file, SifHeader header, List<SifObject> removed)
    {
        var gone = new List<SifObject>();
        try
        {
            foreach (var next in removed.OrderByDescending(o => o.DataType == SifDataType.Signature))
            {
                gone.Add(next);
                file.Write(header.SlotOffset(next.Slot) + SifDescriptor.UsedOffset, [0]);
                file.Flush();
            }
        }
        catch
        {
            gone.Reverse();
            foreach (var back in gone)
                Undo(() => file.Write(header.SlotOffset(back.Slot) + SifDescriptor.UsedOffset, [back.Descriptor.Used]));
            throw;
        }

        foreach (var one in removed)
            file.Write(header.SlotOffset(one.Slot), new byte[SifDescriptor.Size]);
        file.Flush();
        header.Write(file);
        file.Flush();
    }
}
