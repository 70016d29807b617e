namespace OverlayTools.Ext;

/// <summary>
/// Content that lies in the inode: the first 60 bytes in the place of block pointers, the rest in the attribute
/// <c>system.data</c> (ext4's <c>inline_data</c>).
/// </summary>
internal static class InlineData
{
    /// <summary>A small directory begins with the number of its parent.</summary>
    private const int ParentSize = sizeof(uint);

    public static bool IsIn(ExtFileSystem fileSystem, ExtInode inode) =>
        (inode.Flags & ExtInode.InlineDataFlag) != 0
        && (fileSystem.Superblock.FeatureIncompat & ExtFeatures.IncompatInlineData) != 0;

    /// <summary>What a file or a symbolic link holds.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    public static byte[] Content(ExtFileSystem fileSystem, uint number, ExtInode inode)
    {
        var rest = InodeAttributes.Read(fileSystem, number, inode).InlineData;
        // Beyond what was stored, up to the size, a file has a hole as anywhere else; but not more than the room.
        if (inode.Size < 0 || inode.Size > fileSystem.Geometry.BlockSize)
            throw ExtCorrupt.At($"inode {number}", fileSystem.OffsetOfInode(number),
                $"its size is {inode.Size}, and it has no blocks");
        var content = new byte[inode.Size];
        byte[] stored = [.. inode.Pointers, .. rest];
        stored.AsSpan(0, Math.Min(stored.Length, content.Length)).CopyTo(content);
        return content;
    }

    /// <summary>The two ranges of a directory that entries lie in; the second may be empty.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    public static IEnumerable<byte[]> DirectoryAreas(ExtFileSystem fileSystem, uint number, ExtInode inode) =>
        [inode.Pointers[ParentSize..].ToArray(), InodeAttributes.Read(fileSystem, number, inode).InlineData];
}
