using System.Numerics;
using System.Runtime.InteropServices;

namespace OverlayTools.Ext.Check;

/// <summary>Holds the bitmaps and counts of each group against what was found in use.</summary>
internal static class BitmapPass
{
    public static void Run(CheckState state)
    {
        var geometry = state.Geometry;
        var size = geometry.BlockSize;
        var stored = new byte[2 * size];
        var found = new byte[2 * size];
        Span<byte> buffer = stackalloc byte[GroupDescriptor.Size];
        for (var group = 0u; group < geometry.GroupCount; group++)
        {
            state.Report("Checking bitmaps", group, geometry.GroupCount, "groups");
            var descriptor = state.FileSystem.ReadGroup(group, buffer);
            var (blocks, inodes, directories) = Count(state, group, found.AsSpan(0, size), found.AsSpan(size));
            Read(state, descriptor, stored);
            Compare(state, ExtFindingId.BlockBitmap, group, stored.AsSpan(0, size), found.AsSpan(0, size));
            Compare(state, ExtFindingId.InodeBitmap, group, stored.AsSpan(size), found.AsSpan(size));
            if (blocks != descriptor.FreeBlocksCount || inodes != descriptor.FreeInodesCount
                || directories != descriptor.UsedDirsCount)
                state.Error(ExtFindingId.DescriptorCount,
                    $"It counts {descriptor.FreeBlocksCount} free blocks, {descriptor.FreeInodesCount} free inodes and "
                    + $"{descriptor.UsedDirsCount} directories; there are {blocks}, {inodes} and {directories}.", group: group);
        }
    }

    /// <summary>The free blocks, free inodes and directories of a group, and the bitmaps as they should be.</summary>
    public static (uint Blocks, uint Inodes, uint Directories) Count(
        CheckState state, uint group, Span<byte> blockBitmap, Span<byte> inodeBitmap)
    {
        var geometry = state.Geometry;
        state.Claims.CopyGroup(group, blockBitmap);
        inodeBitmap.Clear();
        var directories = FillInodes(state, group, inodeBitmap);
        return (Close(blockBitmap, geometry.BlocksIn(group)), Close(inodeBitmap, geometry.InodesPerGroup), directories);
    }

    // The two lie side by side, if nobody moved them.
    private static void Read(CheckState state, GroupDescriptor descriptor, Span<byte> both)
    {
        var size = state.Geometry.BlockSize;
        if (descriptor.InodeBitmap == descriptor.BlockBitmap + 1)
        {
            state.ReadBlock(descriptor.BlockBitmap, both);
            return;
        }

        state.ReadBlock(descriptor.BlockBitmap, both[..size]);
        state.ReadBlock(descriptor.InodeBitmap, both[size..]);
    }

    private static uint FillInodes(CheckState state, uint group, Span<byte> found)
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
    private static uint Close(Span<byte> found, uint count)
    {
        var clear = (uint)found.Length * 8;
        ExtBitmap.Fill(found, count, clear, value: true);
        foreach (var bits in MemoryMarshal.Cast<byte, ulong>(found))
            clear -= (uint)BitOperations.PopCount(bits);
        return clear;
    }

    private static void Compare(CheckState state, ExtFindingId id, uint group, ReadOnlySpan<byte> bitmap, ReadOnlySpan<byte> found)
    {
        if (bitmap.SequenceEqual(found))
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
