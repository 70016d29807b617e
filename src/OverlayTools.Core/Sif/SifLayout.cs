namespace OverlayTools.Sif;

/// <summary>Where things lie in an image that we write.</summary>
public static class SifLayout
{
    /// <summary>Where the table starts in the file.</summary>
    public const long DescriptorsOffset = 4096;

    /// <summary>Slots of a table, unless said otherwise.</summary>
    public const long DefaultCapacity = 48;

    /// <summary>Where partitions are aligned to, in bytes, unless said otherwise. Other objects are not
    /// aligned.</summary>
    public const long PartitionAlignment = 4096;

    /// <summary>The most slots that a table can have.</summary>
    internal const long MostSlots = uint.MaxValue - 1L;

    /// <summary>
    /// The most objects that this module reads and makes: some 40 MiB of memory. Real images have a few dozen; a table
    /// may have any number of free slots.
    /// </summary>
    public const int MostObjects = 1 << 15;

    /// <summary>The first multiple of the alignment at or after an offset.</summary>
    /// <param name="offset">Bytes from the start of the file; not negative.</param>
    /// <param name="alignment">Any number of bytes, not only a power of two; 0 and less mean none.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.SifInvalidValue"/>: the result is above 2^63 -
    /// 1.</exception>
    public static long Align(long offset, long alignment) =>
        TryAlign(offset, alignment)
        ?? throw SifFailure.InvalidValue($"The alignment {alignment} leads beyond what a file can have.",
            "Give a smaller alignment.");

    internal static long? TryAlign(long offset, long alignment)
    {
        if (alignment <= 0 || offset % alignment == 0)
            return offset;
        var gap = alignment - (offset % alignment);
        return offset <= long.MaxValue - gap ? offset + gap : null;
    }
}
