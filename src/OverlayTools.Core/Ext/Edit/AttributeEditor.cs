namespace OverlayTools.Ext.Edit;

/// <summary>Sets and removes extended attributes: in the inode while there is room, else in a block, which files may
/// share.</summary>
internal sealed class AttributeEditor(EditState state)
{
    /// <summary>More files share no block (kernel, <c>EXT4_XATTR_REFCOUNT_MAX</c>).</summary>
    private const uint MostReferences = 1024;

    /// <summary>Sets an attribute.</summary>
    public void Set(uint number, string name, byte[] value)
    {
        var attribute = AttributeEntry.From(name, value);
        var inode = state.ReadInode(number);
        RequireKind(number, inode, name);
        var body = AttributeArea.ReadBody(inode);
        var block = ReadBlock(inode);
        // As the kernel (ext4_xattr_set_handle): to the inode if it fits, and then it is gone from the block.
        if (AttributeArea.TryWriteBody(inode, With(body, attribute)))
        {
            if (block.RemoveAll(other => other.IsNamed(attribute)) > 0)
                WriteBlock(number, inode, block);
        }
        else
        {
            WriteBlock(number, inode, With(block, attribute));
            if (body.RemoveAll(other => other.IsNamed(attribute)) > 0)
                AttributeArea.TryWriteBody(inode, body);
        }

        NoteFeature();
        Touch(number, inode);
    }

    /// <summary>Removes an attribute.</summary>
    /// <returns>Whether it was there.</returns>
    public bool Remove(uint number, string name)
    {
        var attribute = AttributeEntry.NameOnly(name);
        var inode = state.ReadInode(number);
        var body = AttributeArea.ReadBody(inode);
        var block = ReadBlock(inode);
        var inBody = body.RemoveAll(other => other.IsNamed(attribute)) > 0;
        var inBlock = block.RemoveAll(other => other.IsNamed(attribute)) > 0;
        if (inBody)
            AttributeArea.TryWriteBody(inode, body);
        if (inBlock)
            WriteBlock(number, inode, block);
        if (!inBody && !inBlock)
            return false;
        Touch(number, inode);
        return true;
    }

    /// <summary>Gives back the block of a file that is deleted; the inode is not written.</summary>
    public void Release(uint number, ExtInode inode)
    {
        if (inode.AttributeBlock == 0)
            return;
        _ = ReadBlock(inode);
        Drop(number, inode);
    }

    private static List<AttributeEntry> With(List<AttributeEntry> attributes, AttributeEntry added) =>
        [.. attributes.Where(other => !other.IsNamed(added)), added];

    private static void RequireKind(uint number, ExtInode inode, string name)
    {
        // As the kernel: attributes of users are for files and directories alone.
        var isUsers = name.StartsWith("user.", StringComparison.Ordinal);
        var isAcl = name.StartsWith("system.", StringComparison.Ordinal);
        if ((isUsers && inode.FileType is not (ExtFileType.RegularFile or ExtFileType.Directory))
            || (isAcl && inode.FileType == ExtFileType.SymbolicLink))
            throw new EngineException(ErrorIds.OverlayWrongFileType,
                $"Inode {number} is a {inode.FileType}, which cannot have the extended attribute '{name}'.", null);
    }

    private List<AttributeEntry> ReadBlock(ExtInode inode)
    {
        if (inode.AttributeBlock == 0)
            return [];
        state.Groups.RequireOrdinary(inode.AttributeBlock);
        return AttributeArea.ReadBlock(state.Stage.Read(inode.AttributeBlock));
    }

    private void WriteBlock(uint number, ExtInode inode, List<AttributeEntry> attributes)
    {
        if (attributes.Count == 0)
        {
            Drop(number, inode);
            return;
        }

        var content = AttributeBlock.Build(AttributeEntry.Sorted(attributes), state.BlockSize);
        var old = inode.AttributeBlock;
        if (old != 0 && AttributeArea.References(state.Stage.Read(old)) == 1)
        {
            content.CopyTo(state.Stage.Change(old));
            return;
        }

        if (old != 0)
            Drop(number, inode);
        var block = state.Groups.Take(state.Groups.GoalFor(number));
        content.CopyTo(state.Stage.Begin(block));
        inode.AttributeBlock = block;
        new FileBlocks(state, number, inode).Count(1);
    }

    private void Drop(uint number, ExtInode inode)
    {
        var block = inode.AttributeBlock;
        var references = AttributeArea.References(state.Stage.Read(block));
        if (references is 0 or > MostReferences)
            throw ExtCorrupt.Because($"{references} files are said to have the attributes in block {block}.");
        if (references == 1)
            state.Groups.Free(block);
        else
            AttributeArea.SetReferences(state.Stage.Change(block), references - 1);
        inode.AttributeBlock = 0;
        new FileBlocks(state, number, inode).Count(-1);
    }

    private void NoteFeature()
    {
        var superblock = state.ReadSuperblock();
        if ((superblock.FeatureCompat & ExtFeatures.CompatExtAttr) != 0)
            return;
        superblock.FeatureCompat |= ExtFeatures.CompatExtAttr;
        state.WriteSuperblock(superblock);
    }

    private void Touch(uint number, ExtInode inode)
    {
        inode.Changed = state.Now;
        state.WriteInode(number, inode);
    }
}
