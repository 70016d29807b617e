namespace OverlayTools.Ext.Check;

/// <summary>Looks at the inode that lists the reserve for growing.</summary>
internal static class ResizeInodeCheckup
{
    private const int DoubleIndirect = ExtInode.DirectCount + 1;

    public static void Run(CheckState state)
    {
        var geometry = state.Geometry;
        var inode = state.FileSystem.ReadInode(ExtInode.Resize);
        var others = Enumerable.Range(0, ExtInode.PointerCount).Any(i => i != DoubleIndirect && inode.Pointer(i) != 0);
        var block = inode.Pointer(DoubleIndirect);
        if (!state.Has(ExtFeatures.CompatResizeInode))
        {
            if (geometry.ReservedGdtBlocks != 0)
                Invalid($"{geometry.ReservedGdtBlocks} descriptor blocks are reserved, and no inode lists them");
            if (others || block != 0)
                Invalid("it has blocks, and the file system no reserve");
            return;
        }

        if (others || !state.IsInside(block) || block == 0 || inode.LinksCount == 0
            || inode.FileType != ExtFileType.RegularFile)
        {
            Invalid("it is not of the form that it must have");
            return;
        }

        // e2fsck looks at the first quarter alone, so that the rest is no reason to call the file system damaged.
        var wrong = FirstWrong(state, block);
        if (wrong < geometry.ReservedGdtBlocks / 4)
            Invalid("it does not list the reserve");
        else if (wrong < geometry.ReservedGdtBlocks)
            state.Warn(ExtFindingId.ResizeInode, "The inode of the reserve for growing does not list all of it.", ExtInode.Resize);

        void Invalid(string what) =>
            state.Error(ExtFindingId.ResizeInode, $"The inode of the reserve for growing: {what}.", ExtInode.Resize);
    }

    private static uint FirstWrong(CheckState state, uint block)
    {
        var geometry = state.Geometry;
        var expected = new ResizeTable(geometry);
        var size = geometry.BlockSize;
        var found = new byte[size];
        var list = new byte[size];
        state.ReadBlock(block, list);
        var wanted = expected.DoubleIndirectBlock();
        var primary = expected.PrimaryBlocks();
        var listed = geometry.BackupGroups(geometry.GroupCount).Count() * sizeof(uint);
        for (var i = 0u; i < geometry.ReservedGdtBlocks; i++)
        {
            var slot = (int)((geometry.DescriptorBlocks + i) % geometry.PointersPerBlock) * sizeof(uint);
            if (!list.AsSpan(slot, sizeof(uint)).SequenceEqual(wanted.AsSpan(slot, sizeof(uint))))
                return i;
            state.ReadBlock(expected.FirstReserved + i, found);
            if (!found.AsSpan(0, listed).SequenceEqual(primary.AsSpan((int)i * size, listed)))
                return i;
        }

        return geometry.ReservedGdtBlocks;
    }
}
