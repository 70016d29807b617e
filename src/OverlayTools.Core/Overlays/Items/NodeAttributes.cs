using Microsoft.Win32.SafeHandles;
using OverlayTools.Ext;
using OverlayTools.Native;

namespace OverlayTools.Overlays;

/// <summary>Gives files of this machine the owner, mode, attributes and times that a tree says. Several threads may do
/// so.</summary>
internal sealed class NodeAttributes(TreeWriting options)
{
    private const uint OwnFile = 0x180; // 0600
    private const uint NoSetId = 0x3FF;

    private readonly bool _isRoot = User.EffectiveId() == 0;
    private readonly OverlayOwner _caller = OverlayOwner.Caller;
    private int _lostAttributes;
    private int _lostOwners;

    /// <summary>Extended attributes that the file system, or the user's rights, did not let be kept.</summary>
    public int LostAttributes => _lostAttributes;

    /// <summary>Files that belong to another than they should: this user may not give them away.</summary>
    public int LostOwners => _lostOwners;

    /// <summary>Sets all of it. The owner comes first, since a change takes set-id bits and capabilities away; then what
    /// needs the right to write.</summary>
    /// <param name="file">The file.</param>
    /// <param name="isPathOnly">Whether it is open for its path only.</param>
    /// <param name="node">What it is to be.</param>
    /// <param name="describe">Its path, for errors.</param>
    /// <exception cref="LinuxException">With the error number of the call.</exception>
    public void Set(SafeFileHandle file, bool isPathOnly, ExtNode node, string describe)
    {
        var isTheirs = SetOwner(file, node, describe);
        if (node is { Type: ExtFileType.RegularFile, Attributes.Count: > 0 })
            SetMode(file, isPathOnly, OwnFile, describe);
        SetAttributes(file, node, ofSystem: false);
        // What is somebody's program with his rights shall not become one with ours.
        if (node.Type != ExtFileType.SymbolicLink)
            SetMode(file, isPathOnly, isTheirs ? node.Permissions : node.Permissions & NoSetId, describe);
        SetAttributes(file, node, ofSystem: true);
        if (node.Modified is not { } modified)
            return;
        var accessed = node.Accessed ?? modified;
        Utimensat.Set(
            file, isPathOnly, (accessed.Seconds, accessed.Nanoseconds), (modified.Seconds, modified.Nanoseconds), describe);
    }

    private bool SetOwner(SafeFileHandle file, ExtNode node, string describe)
    {
        var owner = options.Owner ?? new OverlayOwner(node.UserId, node.GroupId);
        var errno = _isRoot || options.Owner is not null ? Fchownat.Try(file, owner.UserId, owner.GroupId) : Errno.EPERM;
        // EINVAL: the id has no place in this user namespace.
        if (errno is not 0 and not Errno.EPERM and not Errno.EINVAL)
            throw new LinuxException("fchownat", errno, describe);
        if (errno == 0 || owner == _caller)
            return true;
        if (options.NeedsOwner)
            throw new LinuxException("fchownat", errno, describe);
        Interlocked.Increment(ref _lostOwners);
        return false;
    }

    private void SetAttributes(SafeFileHandle file, ExtNode node, bool ofSystem)
    {
        foreach (var (attribute, value) in node.Attributes)
        {
            if (attribute.StartsWith("system.", StringComparison.Ordinal) == ofSystem && ExtendedAttributes.TrySet(file, attribute, value) != 0)
                Interlocked.Increment(ref _lostAttributes);
        }
    }

    private static void SetMode(SafeFileHandle file, bool isPathOnly, uint mode, string describe)
    {
        if (isPathOnly)
            Chmod.Set(file, mode, describe);
        else
            Chmod.SetOpen(file, mode, describe);
    }
}
