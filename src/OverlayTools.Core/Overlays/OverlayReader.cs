using Microsoft.Win32.SafeHandles;
using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.Native;

namespace OverlayTools.Overlays;

/// <summary>Reads what an overlay image says about itself, without mounting it, locking it or changing it.</summary>
internal static class OverlayReader
{
    /// <summary>Describes the overlay in a range of an open file. Who uses it is not asked.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayNotExt3"/> or <see cref="ErrorIds.OverlayCorrupt"/>
    /// where not even its size can be believed.</exception>
    public static OverlayImage Describe(
        SafeFileHandle file, string path, uint? id, long offset, long length, CancellationToken token = default)
    {
        var window = new FileWindow(file, offset, length);
        var superblock = ExtSuperblock.Read(window);
        var history = superblock.History;
        var onDisk = TryOpen(window);
        var fileSystem = onDisk is null ? null : ImageContent.AfterReplay(onDisk, window, isWritten: true, token);
        // A replay may bring another size, for example.
        var seen = fileSystem?.Superblock ?? superblock;
        var (freeBlocks, freeInodes) = fileSystem is not null && superblock.IsInDoubt()
            ? CountFree(fileSystem)
            : (seen.FreeBlocksCount, (long)seen.FreeInodesCount);
        var image = new OverlayImage
        {
            Path = path,
            Id = id,
            SizeBytes = (long)seen.BlocksCount * seen.BlockSize,
            FreeBytes = Math.Min(freeBlocks, seen.BlocksCount) * seen.BlockSize,
            ReservedBytes = (long)seen.ReservedBlocksCount * seen.BlockSize,
            InodeCount = seen.InodesCount,
            FreeInodeCount = Math.Min(freeInodes, seen.InodesCount),
            AllocatedBytes = id is null ? Statx.Of(file, path).Sectors * 512 : FileExtents.AllocatedBytes(file, offset, length),
            DiskFreeBytes = DiskSpace.AvailableBytes(file),
            BlockSize = superblock.BlockSize,
            Uuid = seen.Uuid,
            Label = PrintableText.Show(seen.Raw.Slice(0x78, 16)),
            Features = superblock.Features,
            RefusedFeatures = superblock.UnsupportedByApptainer,
            Journal = onDisk is null ? ExtJournalState.Unreadable : ExtJournalStates.Of(onDisk),
            ErrorCount = superblock.ErrorCount,
            FirstError = history.FirstError,
            LastError = history.LastError,
            Created = history.Created,
            LastMounted = history.LastMounted,
            LastWritten = history.LastWritten,
            LastChecked = history.LastChecked,
            MountCount = history.MountCount,
        };
        image = fileSystem is null ? image : WithDirectories(image, fileSystem, path);
        return image with { State = StateOf(superblock, image), MinimumSizeBytes = MinimumOf(fileSystem, token) };
    }

    private static long? MinimumOf(ExtFileSystem? fileSystem, CancellationToken token)
    {
        try
        {
            return fileSystem is null ? null : ExtShrinker.MinimumSize(fileSystem.Window, token);
        }
        catch (EngineException)
        {
            return null; // it cannot be made smaller
        }
    }

    /// <summary>The state, where nobody is writing the image.</summary>
    private static OverlayState StateOf(ExtSuperblock superblock, OverlayImage image)
    {
        if (image.Fault is not null)
            return OverlayState.Damaged;
        if (superblock.HasErrors || image.Journal == ExtJournalState.Aborted)
            return OverlayState.Errors;
        if (superblock.NeedsRecovery)
            return OverlayState.NeedsRecovery;
        return superblock.IsValid ? OverlayState.Clean : OverlayState.Unchecked;
    }

    // What is no ext3 cannot be looked into.
    private static ExtFileSystem? TryOpen(Window window)
    {
        try
        {
            return ExtFileSystem.Open(window);
        }
        catch (EngineException error) when (error.ErrorId == ErrorIds.OverlayFeatureUnsupported)
        {
            return null;
        }
    }

    // The kernel brings the superblock's own counts up to date when it unmounts; until then the groups' are right.
    private static bool IsInDoubt(this ExtSuperblock superblock) => superblock.NeedsRecovery || !superblock.IsValid;

    private static (long Blocks, long Inodes) CountFree(ExtFileSystem fileSystem)
    {
        long blocks = 0, inodes = 0;
        Span<byte> buffer = stackalloc byte[GroupDescriptor.Size];
        for (var group = 0u; group < fileSystem.Geometry.GroupCount; group++)
        {
            var descriptor = fileSystem.ReadGroup(group, buffer);
            blocks += descriptor.FreeBlocksCount;
            inodes += descriptor.FreeInodesCount;
        }

        return (blocks, inodes);
    }

    private static OverlayImage WithDirectories(OverlayImage image, ExtFileSystem fileSystem, string path)
    {
        try
        {
            var upper = Directory(fileSystem, "/upper");
            var work = Directory(fileSystem, "/work");
            // Whoever may write the root gets the directories made.
            var root = fileSystem.ReadInode(ExtInode.Root);
            return image with
            {
                OwnerUserId = upper?.UserId,
                OwnerGroupId = upper?.GroupId,
                UpperMode = (UnixFileMode?)upper?.Permissions,
                WorkUserId = work?.UserId,
                WorkGroupId = work?.GroupId,
                WorkMode = (UnixFileMode?)work?.Permissions,
                Base = OverlayBase.Read(fileSystem),
                WritableAs = ModesFor(path, upper ?? root, work ?? root),
            };
        }
        catch (EngineException error) when (error.ErrorId == ErrorIds.OverlayCorrupt)
        {
            return image with { Fault = error.Message };
        }
    }

    private static OverlayWriteMode ModesFor(string path, ExtInode upper, ExtInode work)
    {
        if (FileSystemStatus.Check(path, FileSystemStatus.Write) != 0)
            return OverlayWriteMode.None;
        var caller = OverlayCaller.Current();
        return caller.ModesFor(new OverlayOwner(upper.UserId, upper.GroupId)) & caller.ModesFor(new OverlayOwner(work.UserId, work.GroupId));
    }

    private static ExtInode? Directory(ExtFileSystem fileSystem, string path) =>
        fileSystem.Find(path) is { } inode && fileSystem.ReadInode(inode) is { FileType: ExtFileType.Directory } found ? found : null;
}
