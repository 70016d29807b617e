using System.Numerics;

namespace OverlayTools.Ext.Check;

/// <summary>Holds the bitmaps and counts of each group against what was found in use.</summary>
internal static class BitmapPass
{
    public static void Run(CheckState state)
    {
        var geometry = state.Geometry;
        var bitmap = new byte[geometry.BlockSize];
        var found = new byte[geometry.BlockSize];
        Span<byte> buffer = stackalloc byte[GroupDescriptor.Size];
        for (var group = 0u; group < geometry.GroupCount; group++)
        {
            state.Report("Checking bitmaps", group, geometry.GroupCount, "groups");
            var descriptor = state.FileSystem.ReadGroup(group, buffer);
            state.ReadBlock(descriptor.BlockBitmap, bitmap);
            found.AsSpan().Clear();
            state.Claims.OfGroup(group)?.CopyTo(found, 0);
            var freeBlocks = Compare(state, ExtFindingId.BlockBitmap, group, bitmap, found, geometry.BlocksIn(group));

            state.ReadBlock(descriptor.InodeBitmap, bitmap);
            var directories = FillInodes(state, group, found);
            var freeInodes = Compare(state, ExtFindingId.InodeBitmap, group, bitmap, found, geometry.InodesPerGroup);
            if (freeBlocks != descriptor.FreeBlocksCount || freeInodes != descriptor.FreeInodesCount
                || directories != descriptor.UsedDirsCount)
                state.Error(ExtFindingId.DescriptorCount,
                    $"It counts {descriptor.FreeBlocksCount} free blocks, {descriptor.FreeInodesCount} free inodes and "
                    + $"{descriptor.UsedDirsCount} directories; there are {freeBlocks}, {freeInodes} and {directories}.", group: group);
        }
    }

    private static uint FillInodes(CheckState state, uint group, byte[] found)
    {
        found.AsSpan().Clear();
        if (!state.Inodes.HasAny(group))
            return 0;
        var directories = 0u;
        var perGroup = state.Geometry.InodesPerGroup;
        for (var i = 0u; i < perGroup; i++)
        {
            var number = group * perGroup + i + 1;
            if (!state.Inodes.IsUsed(number))
                continue;
            ExtBitmap.Fill(found, i, i + 1, value: true);
            if (state.Inodes.TypeOf(number) == ExtFileType.Directory)
                directories++;
        }

        return directories;
    }

    /// <summary>Compares, and counts the free ones.</summary>
    private static uint Compare(CheckState state, ExtFindingId id, uint group, byte[] bitmap, byte[] found, uint count)
    {
        ExtBitmap.Fill(found, count, (uint)found.Length * 8, value: true);
        var free = (uint)found.Length * 8;
        foreach (var bits in found)
            free -= (uint)BitOperations.PopCount(bits);
        if (bitmap.AsSpan().SequenceEqual(found))
            return free;

        int unmarked = 0, leftover = 0;
        for (var i = 0; i < found.Length; i++)
        {
            unmarked += BitOperations.PopCount((uint)(found[i] & ~bitmap[i]));
            leftover += BitOperations.PopCount((uint)(bitmap[i] & ~found[i]));
        }

        state.Error(id, $"{unmarked} in use are marked as free, {leftover} free ones as in use.", group: group);
        return free;
    }
}
