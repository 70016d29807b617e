using Microsoft.Win32.SafeHandles;
using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.Native;
using OverlayTools.Sif;

namespace OverlayTools.Overlays;

/// <summary>Makes overlay images.</summary>
public static class OverlayCreator
{
    internal const uint OwnerOnly = 0b110_000_000; // 0600: what is in an overlay is its owner's business

    /// <summary>Whether the path is an existing SIF image, which an overlay would be put into.</summary>
    /// <exception cref="IOException">The file exists and cannot be read.</exception>
    public static bool IsSif(string path)
    {
        // A named pipe would otherwise wait for its writer.
        using var file = Open.TryFile(path, Open.ReadOnly | Open.NonBlock, 0, out var errno);
        if (file is null)
        {
            return errno is Errno.ENOENT or Errno.ENOTDIR or Errno.ENXIO
                ? false
                : throw new LinuxException("open", errno, path);
        }

        if (Statx.Of(file, path).FileType != Statx.RegularFile)
            return false;
        Span<byte> start = stackalloc byte[64];
        var count = RandomAccess.Read(file, start, 0);
        return SifHeader.Begins(start[..count]);
    }

    /// <summary>Makes an image file, or a partition in an existing SIF image.</summary>
    /// <returns>The image that was made.</returns>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlaySizeTooSmall"/>,
    /// <see cref="ErrorIds.InvalidDirectoryName"/>, <see cref="ErrorIds.OverlayAlreadyExists"/>, for a source
    /// <see cref="ErrorIds.OverlayFull"/> and those of <see cref="ExtTarTree.Read"/>, or for a SIF
    /// <see cref="ErrorIds.SifNoPrimaryPartition"/>, <see cref="ErrorIds.SifEncrypted"/>,
    /// <see cref="ErrorIds.SifSigned"/>, <see cref="ErrorIds.SifOverlayExists"/>. Nothing was changed then.</exception>
    /// <exception cref="OperationCanceledException">Nothing was changed.</exception>
    public static OverlayImage Create(
        OverlayCreation creation, IProgress<EngineProgress>? progress = null, CancellationToken token = default)
    {
        using var source = OverlaySource.OpenFor(creation, progress, token);
        var tree = OverlayTree.Create(creation.UserId, creation.GroupId, creation.Directories, creation.Permissions, source?.Root);
        if (creation.SizeForSource)
            creation = creation with { SizeBytes = OverlaySource.SizeWithRoom(tree, creation.Format) };
        if (creation.SizeBytes < 1 || (creation.SizeBytes < OverlayCreation.LeastSizeBytes && !creation.Force))
            throw new EngineException(ErrorIds.OverlaySizeTooSmall,
                $"An overlay of {ByteSize.Format(creation.SizeBytes)} is too small.",
                $"Give a size of at least {ByteSize.Format(OverlayCreation.LeastSizeBytes)}{(creation.SizeBytes < 1 ? "" : ", or -Force")}.",
                creation.Path);
        try
        {
            return IsSif(creation.Path)
                ? CreateInSif(creation, tree, progress, token)
                : CreateFile(creation, tree, progress, token);
        }
        catch (EngineException error) when (error.ErrorId == ErrorIds.OverlayFull && source is not null)
        {
            throw source.DoesNotFit(creation, tree, error);
        }
    }

    private static OverlayImage CreateFile(
        OverlayCreation creation, ExtNode tree, IProgress<EngineProgress>? progress, CancellationToken token)
    {
        using var replaced = creation.Force ? HoldReplaced(creation.Path) : null;
        using var file = AtomicFile.Create(creation.Path, OwnerOnly, creation.Force);
        Ftruncate.File(file.Handle, creation.SizeBytes, creation.Path);
        if (creation.Preallocate)
            Preallocation.Fill(file.Handle, 0, creation.SizeBytes, progress, token);
        ExtFormatter.Format(new FileWindow(file.Handle), creation.Format, tree, progress, token);
        file.Commit(creation.Force);
        // Only now, when all is on the disk, is it known how much of it the image takes.
        return OverlayReader.Describe(file.Handle, file.Target, id: null, 0, creation.SizeBytes);
    }

    // Who writes the old image would go on writing, into a file without a name. Readers are not disturbed. A link is
    // replaced itself, and not what it leads to.
    internal static SafeFileHandle? HoldReplaced(string path)
    {
        var file = Open.TryFile(path, Open.ReadOnly | Open.NoFollow | Open.NonBlock, 0, out _);
        if (file is null)
            return null;
        try
        {
            if (Statx.Of(file, path).FileType != Statx.RegularFile)
                return file;
            RangeLock.Acquire(file, path, exclusive: false, 0, 0);
            ImageUsers.Refuse(file, path, 0, 0, user => user.Access == ImageAccess.Write);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static OverlayImage CreateInSif(
        OverlayCreation creation, ExtNode tree, IProgress<EngineProgress>? progress, CancellationToken token)
    {
        var (group, architecture) = CheckSif(creation.Path);
        using var content = SifContent.Written(creation.SizeBytes, (window, report, cancellation) =>
        {
            if (creation.Preallocate)
                Preallocation.Fill(window, report, cancellation);
            ExtFormatter.Format(window, creation.Format, tree, report, cancellation);
        });
        var added = SifEditor.Add(creation.Path, new SifNewObject
        {
            DataType = SifDataType.Partition,
            Content = content,
            GroupId = group,
            Metadata = new SifPartitionMetadata(SifFileSystem.Ext3, SifPartitionType.Overlay, architecture),
        }, null, progress, token).Object;
        using var file = Open.File(creation.Path, Open.ReadOnly);
        return OverlayReader.Describe(file, creation.Path, added.Id, added.Offset, added.SizeBytes);
    }

    // The overlay has to be in the root file system's group: the runtime ignores any other.
    private static (uint Group, SifArchitecture Architecture) CheckSif(string path)
    {
        using var sif = SifImage.Open(path);
        var primary = sif.PrimaryPartition
            ?? throw new EngineException(ErrorIds.SifNoPrimaryPartition, $"'{path}' has no root file system.",
                "An overlay belongs to the root file system of its image; Get-SifDescriptor lists what there is.", path);
        if (sif.IsEncrypted)
            throw new EngineException(ErrorIds.SifEncrypted, $"The root file system of '{path}' is encrypted.",
                "Make an overlay image in a file of its own.", path);
        if (sif.IsSigned)
            throw new EngineException(ErrorIds.SifSigned, $"'{path}' is signed, and its signature would no longer be valid.",
                "Make an overlay image in a file of its own.", path);
        if (sif.Overlays.FirstOrDefault(o => o.Partition?.FileSystem == SifFileSystem.Ext3) is { } existing)
            throw new EngineException(ErrorIds.SifOverlayExists,
                $"'{path}' already has a writable overlay, object {existing.Id}.",
                "Use it with -Writable, or make an overlay image in a file of its own.", path);

        var architecture = primary.Partition?.Architecture ?? SifArchitecture.Unknown;
        return (primary.GroupId ?? SifNewObject.DefaultGroup,
            architecture == SifArchitecture.Unknown ? SifArchitectures.Host : architecture);
    }
}
