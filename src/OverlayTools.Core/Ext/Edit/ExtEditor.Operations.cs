using System.Text;
using OverlayTools.Ext.Edit;

namespace OverlayTools.Ext;

/// <content>The operations.</content>
public sealed partial class ExtEditor
{
    /// <summary>Makes an empty regular file.</summary>
    /// <param name="parent">The directory.</param>
    /// <param name="name">Its name there.</param>
    /// <param name="permissions">Permission bits with set-id and sticky bits, for example 0644 in octal.</param>
    /// <param name="userId">The owner.</param>
    /// <param name="groupId">The group.</param>
    /// <returns>Its inode.</returns>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayAlreadyExists"/>,
    /// <see cref="ErrorIds.OverlayWrongFileType"/> when the parent is no directory, <see cref="ErrorIds.OverlayFull"/>,
    /// <see cref="ErrorIds.OverlayFileNotFound"/>, <see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    public uint CreateFile(uint parent, ExtName name, uint permissions, uint userId, uint groupId) =>
        Do(() => _names.CreateFile(parent, name, permissions, userId, groupId));

    /// <summary>Makes an empty directory.</summary>
    /// <returns>Its inode.</returns>
    /// <exception cref="EngineException">As <see cref="CreateFile"/>, and
    /// <see cref="ErrorIds.OverlayTooManyLinks"/>.</exception>
    public uint MakeDirectory(uint parent, ExtName name, uint permissions, uint userId, uint groupId) =>
        Do(() => _names.MakeDirectory(parent, name, permissions, userId, groupId));

    /// <summary>Makes a directory with all the directories above it that do not exist.</summary>
    /// <returns>Its inode, whether it was there or not.</returns>
    /// <exception cref="EngineException">As <see cref="MakeDirectory"/>.</exception>
    public uint MakeDirectories(string path, uint permissions, uint userId, uint groupId) => Do(() =>
    {
        var at = Root;
        foreach (var part in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            var name = new ExtName(part);
            at = _names.Find(at, name) ?? _names.MakeDirectory(at, name, permissions, userId, groupId);
        }

        return _state.ReadDirectory(at) is not null ? at : 0;
    });

    /// <summary>Makes a character device (0:0 is a whiteout), a block device, a named pipe or a socket.</summary>
    /// <returns>Its inode.</returns>
    /// <exception cref="EngineException">As <see cref="CreateFile"/>.</exception>
    /// <exception cref="ArgumentOutOfRangeException">Another kind, or a number of more bits than the kernel
    /// has.</exception>
    public uint MakeNode(
        uint parent, ExtName name, ExtFileType type, uint permissions, uint userId, uint groupId,
        uint major = 0, uint minor = 0) =>
        Do(() => _names.MakeNode(parent, name, type, permissions, userId, groupId, major, minor));

    /// <summary>Makes a symbolic link.</summary>
    /// <param name="parent">The directory.</param>
    /// <param name="name">Its name there.</param>
    /// <param name="target">Where it leads; shorter than a block, and than 4096 bytes.</param>
    /// <param name="userId">The owner.</param>
    /// <param name="groupId">The group.</param>
    /// <returns>Its inode.</returns>
    /// <exception cref="EngineException">As <see cref="CreateFile"/>, and
    /// <see cref="ErrorIds.InvalidDirectoryName"/> for a target that is empty or too long.</exception>
    public uint MakeSymbolicLink(uint parent, ExtName name, ReadOnlyMemory<byte> target, uint userId, uint groupId) =>
        Do(() => _names.MakeSymbolicLink(parent, name, target, userId, groupId));

    /// <summary>Makes a symbolic link to a path in text.</summary>
    /// <inheritdoc cref="MakeSymbolicLink(uint, ExtName, ReadOnlyMemory{byte}, uint, uint)"/>
    public uint MakeSymbolicLink(uint parent, ExtName name, string target, uint userId, uint groupId) =>
        MakeSymbolicLink(parent, name, Encoding.UTF8.GetBytes(target), userId, groupId);

    /// <summary>Gives a file that is no directory another name.</summary>
    /// <exception cref="EngineException">As <see cref="CreateFile"/>, and
    /// <see cref="ErrorIds.OverlayTooManyLinks"/>.</exception>
    public void Link(uint inode, uint parent, ExtName name) => Do(() => _names.Link(inode, parent, name));

    /// <summary>Removes the name of a file that is no directory; with its last name the file is deleted.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFileNotFound"/>,
    /// <see cref="ErrorIds.OverlayWrongFileType"/>, <see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    public void Unlink(uint parent, ExtName name) => Do(() => _names.Unlink(parent, name));

    /// <summary>Removes an empty directory.</summary>
    /// <exception cref="EngineException">As <see cref="Unlink"/>, and
    /// <see cref="ErrorIds.OverlayDirectoryNotEmpty"/>.</exception>
    public void RemoveDirectory(uint parent, ExtName name) => Do(() => _names.RemoveDirectory(parent, name));

    /// <summary>Removes a file, or a directory with all that is in it: in one operation, or with
    /// <see cref="CommitsWhenLarge"/> file by file, what is below first.</summary>
    /// <exception cref="EngineException">As <see cref="Unlink"/>.</exception>
    /// <exception cref="OperationCanceledException">Nothing of it was removed, or with <see cref="CommitsWhenLarge"/>
    /// a part.</exception>
    public void RemoveTree(
        uint parent, ExtName name, IProgress<EngineProgress>? progress = null, CancellationToken cancellation = default)
    {
        if (!CommitsWhenLarge)
        {
            Do(() => _names.RemoveTree(parent, name, progress, cancellation));
            return;
        }

        var pending = new Stack<(uint Parent, ExtName Name)>([(parent, name)]);
        var entered = new HashSet<uint>();
        for (var done = 0L; pending.TryPeek(out var next);)
        {
            cancellation.ThrowIfCancellationRequested();
            if (Find(next.Parent, next.Name) is not { } inode
                || _state.ReadInode(inode).FileType != ExtFileType.Directory)
                Unlink(next.Parent, next.Name);
            // Come back to, it is empty; or, in a damaged tree, leads to itself.
            else if (!entered.Add(inode))
                RemoveDirectory(next.Parent, next.Name);
            else
            {
                foreach (var (child, _) in new DirectoryEditor(_state, inode).List())
                    pending.Push((inode, child));
                continue;
            }

            pending.Pop();
            progress?.Report(new EngineProgress("Removing", ++done, done, "files"));
        }
    }

    /// <summary>Removes the name of a file that is no directory, and makes a device 0:0, the kernel's mark of a deletion,
    /// of the same owner under another name: both or neither.</summary>
    /// <exception cref="EngineException">As <see cref="Unlink"/> and <see cref="CreateFile"/>.</exception>
    internal void ReplaceByWhiteout(uint parent, ExtName name, ExtName whiteout) => Do(() =>
    {
        var inode = _names.Find(parent, name) is { } found ? _state.ReadInode(found) : null;
        // First: an inode and a place that are given back here can be used again at once.
        _names.Unlink(parent, name);
        _names.MakeNode(parent, whiteout, ExtFileType.CharacterDevice, 0, inode?.UserId ?? 0, inode?.GroupId ?? 0, 0, 0);
    });

    /// <summary>Moves or renames a file. What has the new name is replaced: a file by a file, an empty directory by a
    /// directory. If both names are of one file, nothing happens.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayMoveIntoItself"/>,
    /// <see cref="ErrorIds.OverlayFileNotFound"/>, <see cref="ErrorIds.OverlayWrongFileType"/>,
    /// <see cref="ErrorIds.OverlayDirectoryNotEmpty"/>, <see cref="ErrorIds.OverlayTooManyLinks"/>,
    /// <see cref="ErrorIds.OverlayFull"/>, <see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    public void Rename(uint oldParent, ExtName oldName, uint newParent, ExtName newName) =>
        Do(() => _names.Rename(oldParent, oldName, newParent, newName));

    /// <summary>Writes bytes into a regular file; what lies between its end and the offset becomes a hole.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFull"/>, <see cref="ErrorIds.OverlaySizeTooLarge"/>
    /// beyond what a file can have, <see cref="ErrorIds.OverlayWrongFileType"/>,
    /// <see cref="ErrorIds.OverlayFileNotFound"/>, <see cref="ErrorIds.OverlayCorrupt"/>. The file has its old size;
    /// but of bytes that were written since the last commit some may be overwritten.</exception>
    public void Write(uint inode, long offset, ReadOnlySpan<byte> bytes)
    {
        Begin();
        try
        {
            _content.Write(inode, offset, bytes);
        }
        catch
        {
            _state.Rollback();
            throw;
        }
    }

    /// <summary>Writes a stream, to its end, into a regular file.</summary>
    /// <returns>Bytes that were written.</returns>
    /// <exception cref="EngineException">As <see cref="Write"/>.</exception>
    /// <exception cref="OperationCanceledException">As after another failure, the file is as it was.</exception>
    public long WriteFrom(
        uint inode, long offset, Stream source,
        IProgress<EngineProgress>? progress = null, CancellationToken cancellation = default) =>
        Do(() => _content.WriteFrom(inode, offset, source, progress, cancellation));

    /// <summary>Replaces all that a regular file holds; holes of the content become holes.</summary>
    /// <exception cref="EngineException">As <see cref="Write"/>.</exception>
    /// <exception cref="OperationCanceledException">The file is as it was.</exception>
    public void WriteFrom(
        uint inode, ExtContent content,
        IProgress<EngineProgress>? progress = null, CancellationToken cancellation = default) =>
        Do(() => _content.Replace(inode, content, progress, cancellation));

    /// <summary>Makes a regular file shorter, or longer with zeros that use no space.</summary>
    /// <exception cref="EngineException">As <see cref="Write"/>.</exception>
    public void Truncate(uint inode, long size, CancellationToken cancellation = default) =>
        Do(() => _content.SetSize(inode, size, cancellation));

    /// <summary>Changes the owner, the group, or both; null keeps one. Set-id bits stay.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFileNotFound"/>,
    /// <see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    public void SetOwner(uint inode, uint? userId, uint? groupId) => Do(() => _inodes.SetOwner(inode, userId, groupId));

    /// <summary>Changes the permissions, set-id and sticky bits included.</summary>
    /// <exception cref="EngineException">As <see cref="SetOwner"/>.</exception>
    public void SetPermissions(uint inode, uint permissions) => Do(() => _inodes.SetPermissions(inode, permissions));

    /// <summary>Changes times; null keeps one, but for the time of the last change of the inode, which then is
    /// now. Inodes of 128 bytes have no nanoseconds.</summary>
    /// <exception cref="EngineException">As <see cref="SetOwner"/>.</exception>
    /// <exception cref="ArgumentOutOfRangeException">Inodes cannot hold it: before 1901, or after the year 2310 (2038
    /// in those of 128 bytes).</exception>
    public void SetTimes(uint inode, ExtTime? accessed, ExtTime? modified, ExtTime? changed = null) =>
        Do(() => _inodes.SetTimes(inode, accessed, modified, changed));

    /// <summary>Sets an extended attribute.</summary>
    /// <param name="inode">The file.</param>
    /// <param name="name">With prefix: <c>user.</c>, <c>trusted.</c>, <c>security.</c>, or
    /// <c>system.posix_acl_access</c> and <c>system.posix_acl_default</c>, whose values are in the form of the kernel's
    /// interface. The permissions are not changed by a list.</param>
    /// <param name="value">The value.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFull"/> when the attributes do not fit,
    /// <see cref="ErrorIds.OverlayFeatureUnsupported"/> for a name or a list that ext3 cannot store,
    /// <see cref="ErrorIds.OverlayWrongFileType"/> when files of the kind cannot have it,
    /// <see cref="ErrorIds.OverlayFileNotFound"/>, <see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    public void SetAttribute(uint inode, string name, byte[] value) => Do(() => _attributes.Set(inode, name, value));

    /// <summary>Removes an extended attribute.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayAttributeNotFound"/>, or as
    /// <see cref="SetAttribute"/>.</exception>
    public void RemoveAttribute(uint inode, string name) => Do(() =>
    {
        if (!_attributes.Remove(inode, name))
            throw new EngineException(ErrorIds.OverlayAttributeNotFound,
                $"Inode {inode} has no extended attribute '{name}'.", null, name);
    });

    /// <summary>Changes the label of the file system.</summary>
    /// <param name="label">At most 16 bytes of UTF-8.</param>
    /// <exception cref="ArgumentException">It is longer.</exception>
    public void SetLabel(string label) => Do(() =>
    {
        var superblock = _state.ReadSuperblock();
        superblock.Label = label;
        _state.WriteSuperblock(superblock);
    });
}
