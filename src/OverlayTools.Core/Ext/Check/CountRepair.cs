namespace OverlayTools.Ext.Check;

/// <summary>
/// Makes bitmaps and counts say what is in use. That is safe when nothing else is wrong: files, directories and names
/// then agree on what there is.
/// </summary>
internal static class CountRepair
{
    private static readonly ExtFindingId[] s_repaired =
    [
        ExtFindingId.BlockBitmap, ExtFindingId.InodeBitmap, ExtFindingId.DescriptorCount, ExtFindingId.SuperblockFreeCount,
        ExtFindingId.ErrorsRecorded, ExtFindingId.NotUnmountedCleanly,
    ];

    /// <summary>Whether there is something to repair, and nothing that cannot be.</summary>
    public static bool CanRepair(ExtCheckResult found) =>
        // More than are kept may be anything.
        found.Findings.Count == found.ErrorCount + found.WarningCount
        && found.Findings.Any(finding => s_repaired.Contains(finding.Id))
        && found.Findings.All(finding => finding.Severity == ExtFindingSeverity.Warning || s_repaired.Contains(finding.Id));

    /// <summary>The new content of the blocks that are wrong, superblock included.</summary>
    public static SortedDictionary<uint, byte[]> Plan(CheckState state)
    {
        var geometry = state.Geometry;
        var changed = new SortedDictionary<uint, byte[]>();
        ulong freeBlocks = 0, freeInodes = 0;
        var bitmaps = new byte[2 * geometry.BlockSize];
        Span<byte> buffer = stackalloc byte[GroupDescriptor.Size];
        for (var group = 0u; group < geometry.GroupCount; group++)
        {
            state.ThrowIfCancelled();
            var descriptor = state.FileSystem.ReadGroup(group, buffer);
            var blockBitmap = bitmaps.AsSpan(0, geometry.BlockSize);
            var inodeBitmap = bitmaps.AsSpan(geometry.BlockSize);
            var (blocks, inodes, directories) = BitmapPass.Count(state, group, blockBitmap, inodeBitmap);
            freeBlocks += blocks;
            freeInodes += inodes;
            Replace(state, changed, descriptor.BlockBitmap, blockBitmap);
            Replace(state, changed, descriptor.InodeBitmap, inodeBitmap);
            if (blocks == descriptor.FreeBlocksCount && inodes == descriptor.FreeInodesCount && directories == descriptor.UsedDirsCount)
                continue;
            var block = geometry.FirstDataBlock + 1 + group / geometry.DescriptorsPerBlock;
            var raw = Changed(state, changed, block);
            var at = (int)(group % geometry.DescriptorsPerBlock) * GroupDescriptor.Size;
            Write(new GroupDescriptor(raw.AsSpan(at, GroupDescriptor.Size)), blocks, inodes, directories);
        }

        var superblock = new ExtSuperblock(state.Superblock.Raw)
        {
            FreeBlocksCount = (uint)freeBlocks,
            FreeInodesCount = (uint)freeInodes,
            State = ExtSuperblock.StateValid,
            ErrorCount = 0,
        };
        var first = Changed(state, changed, geometry.FirstDataBlock);
        superblock.Raw.CopyTo(first.AsSpan((int)(ExtSuperblock.Size - geometry.OffsetOf(geometry.FirstDataBlock))));
        return changed;
    }

    private static void Write(GroupDescriptor descriptor, uint blocks, uint inodes, uint directories)
    {
        descriptor.FreeBlocksCount = (ushort)blocks;
        descriptor.FreeInodesCount = (ushort)inodes;
        descriptor.UsedDirsCount = (ushort)directories;
    }

    private static void Replace(CheckState state, SortedDictionary<uint, byte[]> changed, uint block, ReadOnlySpan<byte> content)
    {
        var old = new byte[content.Length];
        state.ReadBlock(block, old);
        if (!content.SequenceEqual(old))
            changed[block] = content.ToArray();
    }

    private static byte[] Changed(CheckState state, SortedDictionary<uint, byte[]> changed, uint block)
    {
        if (changed.TryGetValue(block, out var content))
            return content;
        content = new byte[state.Geometry.BlockSize];
        state.ReadBlock(block, content);
        return changed[block] = content;
    }
}
