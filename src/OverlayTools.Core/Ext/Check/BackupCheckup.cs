namespace OverlayTools.Ext.Check;

/// <summary>Looks at the backups of superblock and descriptors: no mount reads them, but a repair may have to.</summary>
internal static class BackupCheckup
{
    public static void Run(CheckState state)
    {
        var geometry = state.Geometry;
        var raw = new byte[ExtSuperblock.Size];
        var block = new byte[geometry.BlockSize];
        var original = new byte[geometry.BlockSize];
        foreach (var group in geometry.BackupGroups(geometry.GroupCount))
        {
            state.ThrowIfCancelled();
            var first = geometry.FirstBlock(group);
            state.Window.Read(geometry.OffsetOf(first), raw);
            var differs = !SameSuperblock(state.Superblock, new ExtSuperblock(raw), group);
            for (var i = 1u; i <= geometry.DescriptorBlocks && !differs; i++)
            {
                state.ReadBlock(first + i, block);
                state.ReadBlock(geometry.FirstDataBlock + i, original);
                differs = !SamePlaces(original, block);
            }

            if (differs)
                state.Warn(ExtFindingId.BackupDiffers, "Its copy of the superblock or of the descriptors differs from the original.", group: group);
        }
    }

    private static bool SameSuperblock(ExtSuperblock primary, ExtSuperblock backup, uint group) =>
        backup.Magic == ExtSuperblock.MagicNumber && backup.BlocksCount == primary.BlocksCount
        && backup.InodesCount == primary.InodesCount && backup.LogBlockSize == primary.LogBlockSize
        && backup.BlocksPerGroup == primary.BlocksPerGroup && backup.InodesPerGroup == primary.InodesPerGroup
        && backup.ReservedGdtBlocks == primary.ReservedGdtBlocks && backup.Uuid == primary.Uuid
        && backup.BlockGroupNumber == (ushort)group;

    // Counts are brought up to date in the original alone.
    private static bool SamePlaces(Span<byte> original, Span<byte> backup)
    {
        for (var at = 0; at < original.Length; at += GroupDescriptor.Size)
        {
            var one = new GroupDescriptor(original[at..]);
            var other = new GroupDescriptor(backup[at..]);
            if (one.BlockBitmap != other.BlockBitmap || one.InodeBitmap != other.InodeBitmap || one.InodeTable != other.InodeTable)
                return false;
        }

        return true;
    }
}
