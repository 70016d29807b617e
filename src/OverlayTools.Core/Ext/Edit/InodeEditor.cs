namespace OverlayTools.Ext.Edit;

/// <summary>Makes and deletes inodes, and changes what is in them.</summary>
internal sealed class InodeEditor(EditState state, FileContent content, AttributeEditor attributes)
{
    /// <summary>Makes an inode that has one name, or two if it is a directory; it is not written yet.</summary>
    public (uint Number, ExtInode Inode) Make(
        uint parent, ExtFileType type, uint permissions, uint userId, uint groupId)
    {
        var isDirectory = type == ExtFileType.Directory;
        var number = state.Groups.TakeInode(parent, isDirectory);
        var old = state.View.ReadInode(number);
        if (old.LinksCount != 0)
            throw ExtCorrupt.Because($"inode {number} is in use, and marked as free.");
        var inode = new ExtInode(state.Geometry.InodeSize)
        {
            UserId = userId,
            GroupId = groupId,
            LinksCount = (ushort)(isDirectory ? 2 : 1),
            Accessed = state.Now,
            Modified = state.Now,
            Changed = state.Now,
            Created = state.Now,
            // So that who remembers the file that had the number sees that this is another one.
            Generation = old.Generation + 1,
        };
        inode.SetType(type, permissions);
        return (number, inode);
    }

    /// <summary>Takes one name from a file, or both from a directory; with the last one it is deleted.</summary>
    public void DropName(uint number, ExtInode inode)
    {
        if (inode.FileType == ExtFileType.Directory || inode.LinksCount <= 1)
        {
            Delete(number, inode, CancellationToken.None);
            return;
        }

        inode.LinksCount--;
        inode.Changed = state.Now;
        state.WriteInode(number, inode);
    }

    /// <summary>Deletes an inode with all that it has.</summary>
    public void Delete(uint number, ExtInode inode, CancellationToken cancellation)
    {
        var isDirectory = inode.FileType == ExtFileType.Directory;
        if (HasBlocks(inode))
            new FileBlocks(state, number, inode).FreeFrom(0, cancellation);
        attributes.Release(number, inode);
        state.Groups.FreeInode(number, isDirectory);
        state.Names.Remove(number);
        inode.LinksCount = 0;
        inode.Size = 0;
        inode.Pointers.Clear();
        inode.Body.Clear();
        // A small number would be the next inode on the list of files to delete.
        inode.DeletionTime = state.Now.Seconds > state.Geometry.InodesCount && state.Now.Seconds <= uint.MaxValue
            ? (uint)state.Now.Seconds : (uint)DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        inode.Changed = state.Now;
        state.WriteInode(number, inode);
    }

    /// <summary>Frees what a file has behind its size, as after a crash while it was being cut.</summary>
    public void FinishCut(uint number, ExtInode inode, CancellationToken cancellation)
    {
        if (inode.FileType == ExtFileType.RegularFile && inode.Size >= 0)
            content.Cut(number, inode, inode.Size, cancellation);
    }

    public void SetOwner(uint number, uint? userId, uint? groupId) => Change(number, inode =>
    {
        inode.UserId = userId ?? inode.UserId;
        inode.GroupId = groupId ?? inode.GroupId;
    });

    public void SetPermissions(uint number, uint permissions) => Change(number, inode =>
        inode.Mode = (ushort)((inode.Mode & ~0xFFF) | (int)(permissions & 0xFFF)));

    public void SetTimes(uint number, ExtTime? accessed, ExtTime? modified, ExtTime? changed)
    {
        foreach (var time in new[] { accessed, modified, changed })
        {
            if (time is { } given)
                RequireTime(given);
        }

        Change(number, inode =>
        {
            inode.Accessed = accessed ?? inode.Accessed;
            inode.Modified = modified ?? inode.Modified;
            inode.Changed = changed ?? state.Now;
        });
    }

    /// <summary>Whether the pointers of an inode lead to blocks.</summary>
    public static bool HasBlocks(ExtInode inode) => inode.FileType switch
    {
        ExtFileType.RegularFile or ExtFileType.Directory => true,
        ExtFileType.SymbolicLink => !inode.IsFastLink,
        _ => false,
    };

    /// <summary>Whether inodes can hold a time.</summary>
    /// <exception cref="ArgumentOutOfRangeException">They cannot.</exception>
    public void RequireTime(ExtTime time)
    {
        // Two more bits of seconds are in the large inodes alone (kernel, Documentation/filesystems/ext4/inodes.rst);
        // and e2fsck takes the last of their values for times before 1970 that an old kernel wrote.
        var most = state.Geometry.InodeSize > ExtInode.OldSize ? (2L << 32) + int.MaxValue : int.MaxValue;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(time.Seconds, most, nameof(time));
        ArgumentOutOfRangeException.ThrowIfLessThan(time.Seconds, int.MinValue, nameof(time));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(time.Nanoseconds, 999_999_999u, nameof(time));
    }

    private void Change(uint number, Action<ExtInode> change)
    {
        var inode = state.ReadInode(number);
        inode.Changed = state.Now;
        change(inode);
        state.WriteInode(number, inode);
    }
}
