using System.Numerics;

namespace OverlayTools.Sif;

/// <summary>
/// Where everything in an image lies when nothing is wasted: the table in its usual place, then the objects in the
/// order they have in the file. Calculation only.
/// </summary>
internal sealed class SifCompactLayout
{
    // An offset may be a multiple of something by chance. A multiple of a page is always kept, since who maps or mounts
    // the object may need it.
    private const long OrdinaryAlignment = 4096;

    private SifCompactLayout(SifHeader header, IReadOnlyList<SifObject> objects, long length)
    {
        Header = header;
        Objects = objects;
        Length = length;
    }

    /// <summary>The header, but for the time of the change.</summary>
    public SifHeader Header { get; }

    /// <summary>The objects in their slots, with the place that they shall have.</summary>
    public IReadOnlyList<SifObject> Objects { get; }

    /// <summary>Bytes in the file.</summary>
    public long Length { get; }

    /// <summary>The layout for an image without faults.</summary>
    public static SifCompactLayout Of(SifImage image)
    {
        var header = image.Header.Copy();
        header.DescriptorsOffset = SifLayout.DescriptorsOffset;
        header.DescriptorsSize = header.DescriptorsTotal * SifDescriptor.Size;
        header.DataOffset = header.TableEnd;
        var end = header.DataOffset;
        var placed = new List<SifObject>();
        foreach (var found in image.Objects.OrderBy(o => o.Offset).ThenBy(o => o.SizeBytes).ThenBy(o => o.Slot))
        {
            var offset = SifLayout.Align(end, AlignmentOf(found));
            placed.Add(At(found, offset, offset - end + found.SizeBytes));
            end = offset + found.SizeBytes;
        }

        header.DataSize = end - header.DataOffset;
        header.DescriptorsFree = image.FreeDescriptors;
        var length = placed.Where(o => o.SizeBytes > 0).Select(o => o.End).Append(header.DataOffset).Max();
        if (header.DescriptorsTotal == 0)
            length = SifHeader.Size;
        return new SifCompactLayout(header, [.. placed.OrderBy(o => o.Slot)], length);
    }

    /// <summary>Whether only the end of the file is too many.</summary>
    public bool MovesNothing(SifImage image) =>
        Header.DescriptorsOffset == image.Header.DescriptorsOffset
        && Objects.Zip(image.Objects).All(pair => pair.First.Offset == pair.Second.Offset);

    /// <summary>What an object's offset has to be a multiple of, as far as can be seen. The padding in front of an object is
    /// less than the alignment that it was for.</summary>
    internal static long AlignmentOf(SifObject found)
    {
        var offset = found.Offset;
        var divisor = offset & -offset;
        var padding = found.Descriptor.SizeWithPadding - found.SizeBytes;
        var wished = padding > 0 && padding < divisor ? (long)BitOperations.RoundUpToPowerOf2((ulong)padding + 1) : 1;
        return Math.Max(wished, Math.Min(OrdinaryAlignment, divisor));
    }

    private static SifObject At(SifObject found, long offset, long sizeWithPadding)
    {
        var slot = new byte[SifDescriptor.Size];
        found.Descriptor.Write(slot);
        var descriptor = SifDescriptor.Parse(slot);
        descriptor.Offset = offset;
        descriptor.SizeWithPadding = sizeWithPadding;
        descriptor.Used = 1;
        return found.With(descriptor);
    }
}
