using Microsoft.Win32.SafeHandles;
using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.Native;

namespace OverlayTools.Overlays;

/// <summary>What a clone has in common with its source, besides the content.</summary>
[Flags]
public enum OverlayCloneKeep
{
    /// <summary>Nothing: it is a file system of its own.</summary>
    None = 0,

    /// <summary>The UUID of the file system.</summary>
    Uuid = 1,
}

/// <summary>An overlay image, locked so that nobody writes it, of which any number of clones is made.</summary>
public sealed class OverlayCloneSource : IDisposable
{
    private const string Activity = "Cloning the overlay";

    private readonly SafeFileHandle _file;
    private readonly string _path;
    private readonly OverlayLocation _location;

    private OverlayCloneSource(SafeFileHandle file, string path, OverlayLocation location) =>
        (_file, _path, _location) = (file, path, location);

    /// <summary>The partition of a SIF image; null for an image of its own.</summary>
    public uint? Id => _location.Id;

    /// <summary>Opens an image, or a partition of a SIF image.</summary>
    /// <param name="path">The file; it is only read.</param>
    /// <param name="id">The partition of a SIF image that has several.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayInUse"/> when somebody writes it, with or without a
    /// lock; <see cref="ErrorIds.OverlayFileNotFound"/>, <see cref="ErrorIds.OverlayNotExt3"/>,
    /// <see cref="ErrorIds.OptionConflict"/>, <see cref="ErrorIds.SifDescriptorNotFound"/>.</exception>
    public static OverlayCloneSource Open(string path, uint? id = null)
    {
        var file = OverlayFile.OpenExisting(path, Native.Open.ReadOnly);
        try
        {
            var location = ImageContent.Single(OverlayLocation.Find(file, path, id), path);
            location.Lock(file, path, exclusive: false);
            // A mount by hand takes no lock.
            var length = location.Id is null ? 0 : location.Length;
            var writers = ImageUsers.Look().Of(file, location.Offset, length).Where(user => user.Access == ImageAccess.Write).ToList();
            if (writers.Count > 0)
                throw new EngineException(ErrorIds.OverlayInUse,
                    $"'{path}' cannot be cloned: it is written by {string.Join(", ", ImageUser.Principals(writers))}.",
                    "Wait until the writer has ended.", path);
            _ = ExtSuperblock.Read(location.Open(file));
            return new OverlayCloneSource(file, path, location);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Makes a clone: it shares the blocks of the source where the file system can do that, and else is a copy
    /// with the same holes. A journal that has to be replayed is replayed in it.</summary>
    /// <param name="target">The file; it appears when it is complete.</param>
    /// <param name="keep">What it has in common with the source.</param>
    /// <param name="replace">Whether a file that is there is replaced.</param>
    /// <param name="progress">Told of the bytes done.</param>
    /// <param name="token">Stops the work; nothing is left of it.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayAlreadyExists"/>,
    /// <see cref="ErrorIds.OverlayFileNotFound"/> when the directory does not exist,
    /// <see cref="ErrorIds.OverlayFeatureUnsupported"/> for a file system whose UUID cannot be changed here.</exception>
    public OverlayImage CloneTo(
        string target, OverlayCloneKeep keep = OverlayCloneKeep.None, bool replace = false,
        IProgress<EngineProgress>? progress = null, CancellationToken token = default)
    {
        token.ThrowIfCancellationRequested();
        var permissions = Statx.Of(_file, _path).Permissions & 0x1FF;
        if (replace && File.Exists(target) && IsSame(target))
            throw new EngineException(ErrorIds.OptionConflict, $"'{target}' is the image that is cloned.", "Choose another name.", target);
        using var copy = AtomicFile.Create(target, permissions, replace);
        if (_location.Id is not null || !FileClone.Try(_file, copy.Handle))
        {
            Ftruncate.File(copy.Handle, _location.Length, copy.TemporaryPath);
            SparseCopy.Range(_file, _location.Offset, copy.Handle, 0, _location.Length, _path, token,
                done => progress?.Report(new EngineProgress(Activity, done, _location.Length)));
        }

        if ((keep & OverlayCloneKeep.Uuid) == 0)
        {
            var window = new FileWindow(copy.Handle);
            // Its log could bring the old superblock back.
            ExtRecovery.Run(window, null, token);
            FileSystemIdentity.Set(window, Guid.NewGuid());
        }

        token.ThrowIfCancellationRequested();
        copy.Commit(replace);
        return OverlayReader.Describe(copy.Handle, copy.Target, null, 0, _location.Length, token);
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private bool IsSame(string target)
    {
        using var other = Native.Open.File(target, Native.Open.PathOnly);
        var (one, two) = (Statx.Of(_file, _path), Statx.Of(other, target));
        return (one.Device, one.Inode) == (two.Device, two.Inode);
    }
}
