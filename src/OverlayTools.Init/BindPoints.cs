using System.Text;
using Microsoft.Win32.SafeHandles;
using OverlayTools.Containers;
using OverlayTools.Native;

namespace OverlayTools.Init;

/// <summary>
/// Makes the files and directories that mounts need. What the root file system lacks is made in a layer below it, where
/// it changes nothing. What an overlay has taken away (a whiteout hides all layers below) is missing all the same in the
/// merged tree: it is made there, and taken away again at the end; or, where the tree is read-only, in a layer on top.
/// </summary>
internal sealed class BindPoints(ContainerPlan plan)
{
    private const uint DirectoryMode = 0b111_101_101;
    private const uint FileMode = 0b110_100_100;

    private readonly List<(string Parent, string Name, bool IsDirectory)> _made = [];

    /// <summary>Makes what the root file system lacks, in the layer below it.</summary>
    public void MakeBelow()
    {
        var skeleton = SessionLayout.Skeleton(plan);
        Directory.CreateDirectory(skeleton);
        using var root = Open.File(SessionLayout.Layer(plan, 0), Open.PathOnly | Open.Directory);
        using var below = Open.File(skeleton, Open.PathOnly | Open.Directory);
        foreach (var (path, isDirectory) in Missing(root))
            TreePath.Make(below, path, isDirectory, DirectoryMode, FileMode);
    }

    /// <summary>Makes what the merged tree still lacks, if it can be written.</summary>
    public void MakeInTree()
    {
        using var tree = Open.File(SessionLayout.FinalTree(plan), Open.PathOnly | Open.Directory);
        foreach (var (path, isDirectory) in Missing(tree))
        {
            try
            {
                _made.AddRange(TreePath.Make(tree, path, isDirectory, DirectoryMode, FileMode));
            }
            catch (LinuxException)
            {
                // Whether the mount can do without is decided when it is made.
            }
        }
    }

    /// <summary>Makes what a read-only merged tree lacks, in the layer on top of it.</summary>
    /// <returns>Whether anything is missing: the layers have to be stacked once more then.</returns>
    public bool MakeOnTop()
    {
        var top = SessionLayout.Top(plan);
        var any = false;
        using var tree = Open.File(SessionLayout.FinalTree(plan), Open.PathOnly | Open.Directory);
        foreach (var (path, isDirectory) in Missing(tree))
        {
            Directory.CreateDirectory(top);
            using var layer = Open.File(top, Open.PathOnly | Open.Directory);
            TreePath.Make(layer, path, isDirectory, DirectoryMode, FileMode);
            CopyOwners(tree, layer, path);
            any = true;
        }

        if (any)
        {
            using var layer = Open.File(top, Open.PathOnly | Open.Directory);
            CopyOwner(tree, layer, "/");
        }

        return any;
    }

    /// <summary>Takes away again what was made in the merged tree and is still empty.</summary>
    public void RemoveAgain()
    {
        if (_made.Count == 0)
            return;
        // Where the tree's FUSE program has died there is nothing to take away from.
        using var tree = Open.TryFile(SessionLayout.FinalTree(plan), Open.PathOnly | Open.Directory, 0, out _);
        if (tree is null)
            return;
        foreach (var (parentPath, text, isDirectory) in Enumerable.Reverse(_made))
        {
            var name = Encoding.UTF8.GetBytes(text);
            using var parent = Openat2.TryInRoot(tree, parentPath, Open.PathOnly | Open.Directory, out _);
            if (parent is null)
                continue;
            try
            {
                if (isDirectory || Statx.Of(parent, name) is { FileType: Statx.RegularFile, Size: 0 })
                    _ = Unlinkat.Try(parent, name, isDirectory);
            }
            catch (LinuxException)
            {
                // Gone already.
            }
        }

        _made.Clear();
    }

    // What a tree lacks of the places that mounts need, without links. Where a mount covers the place, what lies in the
    // tree does not show: what is needed below it is the mount's.
    private IEnumerable<(string Path, bool IsDirectory)> Missing(SafeFileHandle tree)
    {
        var covered = new List<string>();
        foreach (var mount in plan.Mounts)
        {
            if (mount.Kind == MountKind.Account)
                continue;
            if (!covered.Exists(outer => mount.Destination.StartsWith(outer + "/", StringComparison.Ordinal))
                && !(mount.CoversLink && TreePath.Has(tree, mount.Destination))
                && TreePath.Resolve(tree, mount.Destination) is { Exists: false } missing)
            {
                yield return (missing.Path, mount.Kind == MountKind.Image ? DataImages.IsDirectory(plan, mount) : mount.IsDirectory);
            }

            covered.Add(mount.Destination.TrimEnd('/'));
        }
    }

    // A directory on top shows its own owner and permissions, not those of the directory that it is merged with.
    private static void CopyOwners(SafeFileHandle tree, SafeFileHandle layer, string path)
    {
        for (var slash = path.IndexOf('/', 1); slash > 0; slash = path.IndexOf('/', slash + 1))
            CopyOwner(tree, layer, path[..slash]);
    }

    private static void CopyOwner(SafeFileHandle tree, SafeFileHandle layer, string path)
    {
        using var original = Openat2.TryInRoot(tree, path, Open.PathOnly | Open.Directory, out _);
        using var copy = Openat2.TryInRoot(layer, path, Open.ReadOnly | Open.Directory, out _);
        if (original is null || copy is null)
            return;
        try
        {
            var status = Statx.Of(original);
            File.SetUnixFileMode(copy, (UnixFileMode)status.Permissions);
            Fchown.File(copy, status.UserId, status.GroupId, path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // An owner without a name in the namespace stays the session's.
        }
    }
}
