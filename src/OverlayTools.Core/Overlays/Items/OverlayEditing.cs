using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.Native;

namespace OverlayTools.Overlays;

/// <summary>Changes what is in an overlay image: in one transaction of its journal where one holds it.</summary>
internal static class OverlayEditing
{
    private const int InodesPerBlock = 16;

    /// <summary>Opens the image, locked against others, does the work and makes it durable.</summary>
    /// <param name="path">The image, or a SIF image.</param>
    /// <param name="id">The partition of a SIF image.</param>
    /// <param name="files">How many files may change, as far as is known.</param>
    /// <param name="work">The work; it may be done a second time, on the image as it was.</param>
    /// <param name="warn">Told when it takes several transactions.</param>
    /// <param name="progress">Told of the replay of a journal.</param>
    /// <param name="token">Stops the work: the image is as it was, or of several transactions some are done.</param>
    public static void Run(
        string path, uint? id, long files, Action<ExtEditor> work, Action<string> warn, IProgress<EngineProgress>? progress,
        CancellationToken token)
    {
        using var file = OverlayFile.OpenExisting(path, Open.ReadWrite);
        var location = ImageContent.Single(OverlayLocation.Find(file, path, id), path);
        location.Lock(file, path, exclusive: true);
        try
        {
            Run(location.Open(file), files, work, text => warn($"'{path}': {text}"), progress, token);
        }
        finally
        {
            // A process that is being started just now has a copy of the file until it runs its program.
            FileLock.Release(file, 0, 0);
        }
    }

    /// <summary>Does the work in a file system that nobody else uses.</summary>
    internal static void Run(
        Window window, long files, Action<ExtEditor> work, Action<string> warn, IProgress<EngineProgress>? progress,
        CancellationToken token)
    {
        using (var editor = ExtEditor.OpenRecovered(window, progress, token))
        {
            // Inodes and directory entries alone would fill the log.
            if (files / InodesPerBlock < editor.Capacity / 2 && TryAtOnce(editor, work, token))
                return;
        }

        warn("this is more than its journal holds at once, and is done in several steps: if it is interrupted, a part is done.");
        using var large = ExtEditor.OpenRecovered(window, progress, token);
        large.CommitsWhenLarge = true;
        work(large);
        token.ThrowIfCancellationRequested();
        large.Commit();
    }

    /// <summary>The inode of <c>upper</c>, and who owns it.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayMissingUpper"/>.</exception>
    public static (uint Inode, OverlayOwner Owner) Upper(ExtEditor editor, string path)
    {
        var fileSystem = editor.FileSystem;
        if (editor.Find("/upper") is not { } upper || fileSystem.ReadInode(upper) is not { FileType: ExtFileType.Directory } inode)
            throw ImageContent.MissingUpper(path);
        return (upper, new OverlayOwner(inode.UserId, inode.GroupId));
    }

    private static bool TryAtOnce(ExtEditor editor, Action<ExtEditor> work, CancellationToken token)
    {
        try
        {
            work(editor);
            token.ThrowIfCancellationRequested();
            editor.Commit();
            return true;
        }
        catch (EngineException error) when (error.ErrorId == ErrorIds.OverlayChangeTooLarge)
        {
            return false;
        }
    }
}
