using OverlayTools.Ext;
using OverlayTools.Native;

namespace OverlayTools.Overlays;

/// <summary>What a new overlay is filled with: a directory, or a tar archive. It stays open as long as contents are to
/// be read.</summary>
internal sealed class OverlaySource : IDisposable
{
    private const long MiB = 1 << 20;
    private const long LeastRoom = 32 * MiB;

    private readonly string _path;
    private readonly FileStream? _file;
    private readonly ExtTarTree? _archive;

    private OverlaySource(string path, ExtNode root, FileStream? file, ExtTarTree? archive)
    {
        _path = path;
        Root = root;
        _file = file;
        _archive = archive;
    }

    /// <summary>The directory whose content is meant.</summary>
    public ExtNode Root { get; }

    /// <summary>Whether it is an archive.</summary>
    public bool IsArchive => _archive is not null;

    /// <summary>The source that a request names; null when it names none.</summary>
    public static OverlaySource? OpenFor(OverlayCreation creation, IProgress<EngineProgress>? progress, CancellationToken token)
    {
        if (creation.Source is null)
            return null;
        var beside = Path.GetDirectoryName(Path.GetFullPath(creation.Path)) ?? "/";
        return Open(creation.Source, beside, creation.KeepSourceOwners ? null : (creation.UserId, creation.GroupId), progress, token);
    }

    /// <summary>Opens a directory or an archive.</summary>
    /// <param name="path">Its path.</param>
    /// <param name="spoolDirectory">As in <see cref="ExtTarTree.Read"/>.</param>
    /// <param name="owner">Who shall own every file; null keeps the owners.</param>
    /// <param name="progress">Told about bytes of an archive.</param>
    /// <param name="token">Stops the work.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFileNotFound"/>,
    /// <see cref="ErrorIds.OverlayWrongFileType"/> for a named pipe or the like, or as <see cref="ExtTarTree.Read"/>.</exception>
    /// <exception cref="IOException">Something cannot be read.</exception>
    public static OverlaySource Open(
        string path, string? spoolDirectory, (uint UserId, uint GroupId)? owner,
        IProgress<EngineProgress>? progress, CancellationToken token)
    {
        if (Directory.Exists(path))
            return new OverlaySource(path, ExtNode.FromDirectory(path, token, owner), null, null);
        if (!File.Exists(path))
            throw new EngineException(ErrorIds.OverlayFileNotFound, $"The source '{path}' does not exist.",
                "Name a directory or a tar archive.", path);
        var file = OpenArchive(path);
        try
        {
            var archive = ExtTarTree.Read(file, spoolDirectory, owner, progress, token);
            return new OverlaySource(path, archive.Root, file, archive);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static FileStream OpenArchive(string path)
    {
        // A named pipe would wait for its other end, and is not read twice.
        var handle = Native.Open.File(path, Native.Open.ReadOnly | Native.Open.NonBlock);
        // Members are looked up by position: a buffer would be filled in vain.
        if (Statx.Of(handle, path).FileType == Statx.RegularFile)
            return new FileStream(handle, FileAccess.Read, bufferSize: 0);
        handle.Dispose();
        throw new EngineException(ErrorIds.OverlayWrongFileType, $"The source '{path}' is neither a directory nor a regular file.",
            "Name a directory or a tar archive; what a program prints has to be in a file first.", path);
    }

    /// <summary>The size that an image gets when nobody says one: what the tree needs, and a quarter of that, but at
    /// least 32 MiB, free.</summary>
    public static long SizeWithRoom(ExtNode tree, ExtFormatOptions options)
    {
        var content = ExtSizing.Measure(tree, 4096).Blocks * 4096;
        return Math.Max(OverlayCreation.LeastSizeBytes, ExtSizing.SizeFor(tree, options, Math.Max(LeastRoom, content / 4)));
    }

    /// <summary>The error for a source that is larger than the image.</summary>
    public EngineException DoesNotFit(OverlayCreation creation, ExtNode tree, EngineException error)
    {
        var need = Math.Max(OverlayCreation.LeastSizeBytes, ExtSizing.SizeFor(tree, creation.Format));
        // Something else than the size as a whole, for example a file's attributes.
        if (need <= creation.SizeBytes)
            return error;
        return new EngineException(ErrorIds.OverlayFull,
            $"The content of '{_path}' does not fit into {ByteSize.Format(creation.SizeBytes)}: it needs an image of {need} bytes " +
            $"({ByteSize.Format(need)}), which has nothing free then." + (error.Target is null ? string.Empty : $" {error.Message}"),
            $"Give -SizeBytes {need} or more, or none; Measure-OverlaySource tells more.", creation.Path, error);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _archive?.Dispose();
        _file?.Dispose();
    }
}
