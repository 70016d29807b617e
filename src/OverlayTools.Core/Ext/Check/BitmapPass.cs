using System.Numerics;

namespace OverlayTools.Ext.Check;

/// <summary>Holds the bitmaps and counts of each group against what was found in use.</summary>
internal static class BitmapPass
{
    public static void Run(CheckState state)
    {
        var geometry = state.Geometry;
        var bitmap = new byte[geometry.BlockSize];
        Span<byte> buffer = stackalloc byte[GroupDescriptor.Size];
        for (var group = 0u; group < geometry.GroupCount; group++)
        {
            state.Report("Checking bitmaps", group, geometry.GroupCount, "groups");
            var descriptor = state.FileSystem.ReadGroup(group, buffer);
            var (blocks, inodes, directories) = Count(state, group, out var blockBitmap, out var inodeBitmap);
            state.ReadBlock(descriptor.BlockBitmap, bitmap);
            Compare(state, ExtFindingId.BlockBitmap, group, bitmap, blockBitmap);
            state.ReadBlock(descriptor.InodeBitmap, bitmap);
            Compare(state, ExtFindingId.InodeBitmap, group, bitmap, inodeBitmap);
            if (blocks != descriptor.FreeBlocksCount || inodes != descriptor.FreeInodesCount
                || directories != descriptor.UsedDirsCount)
                state.Error(ExtFindingId.DescriptorCount,
                    $"It counts {descriptor.FreeBlocksCount} free blocks, {descriptor.FreeInodesCount} free inodes and "
                    + $"{descriptor.UsedDirsCount} directories; there are {blocks}, {inodes} and {directories}.", group: group);
        }
    }

    /// <summary>The free blocks, free inodes and directories of a group, and the bitmaps as they should be.</summary>
    public static (uint Blocks, uint Inodes, uint Directories) Count(
        CheckState state, uint group, out byte[] blockBitmap, out byte[] inodeBitmap)
    {
        var geometry = state.Geometry;
        blockBitmap = new byte[geometry.BlockSize];
        inodeBitmap = new byte[geometry.BlockSize];
        state.Claims.OfGroup(group)?.CopyTo(blockBitmap, 0);
        var directories = FillInodes(state, group, inodeBitmap);
        return (Close(blockBitmap, geometry.BlocksIn(group)), Close(inodeBitmap, geometry.InodesPerGroup), directories);
    }

    private static uint FillInodes(CheckState state, uint group, byte[] found)
    {
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

    /// <summary>Sets the bits beyond the last, and counts the clear ones.</summary>
    private static uint Close(byte[] found, uint count)
    {
        var all = (uint)found.Length * 8;
        ExtBitmap.Fill(found, count, all, value: true);
        return all - (uint)found.Sum(bits => BitOperations.PopCount(bits));
    }

    private static void Compare(CheckState state, ExtFindingId id, uint group, byte[] bitmap, byte[] found)
    {
        if (bitmap.AsSpan().SequenceEqual(found))
            return;
        int unmarked = 0, leftover = 0;
        for (var i = 0; i < found.Length; i++)
        {
            unmarked += BitOperations.PopCount((uint)(found[i] & ~bitmap[i]));
            leftover += BitOperations.PopCount((uint)(bitmap[i] & ~found[i]));
        }

        state.Error(id, $"{unmarked} in use are marked as free, {leftover} free ones as in use.", group: group);
    }
}
