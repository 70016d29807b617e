using Microsoft.Win32.SafeHandles;
using OverlayTools.Native;

namespace OverlayTools.IO;

/// <summary>
/// A file being made beside its target: until <see cref="Commit"/> the target is untouched, and a file that is
/// disposed of before that leaves nothing behind.
/// </summary>
public sealed class AtomicFile : IDisposable
{
    private readonly string _temporary;
    private bool _committed;

    private AtomicFile(string target, string temporary, SafeFileHandle handle)
    {
        Target = target;
        _temporary = temporary;
        Handle = handle;
    }

    /// <summary>The path that the file will have.</summary>
    public string Target { get; }

    /// <summary>Where the file is until it is committed.</summary>
    public string TemporaryPath => _temporary;

    /// <summary>The file, open for reading and writing.</summary>
    public SafeFileHandle Handle { get; }

    /// <summary>Makes an empty temporary file beside the target, exclusively: no existing file is ever opened.</summary>
    /// <param name="target">The path that the file will have.</param>
    /// <param name="mode">Permissions before the umask, for example <c>0600</c> in octal.</param>
    /// <param name="force">Whether an existing target may be replaced.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayAlreadyExists"/>, or
    /// <see cref="ErrorIds.OverlayFileNotFound"/> when the directory does not exist.</exception>
    public static AtomicFile Create(string target, uint mode, bool force)
    {
        target = Path.GetFullPath(target);
        // A dangling symbolic link counts as existing: it is a name that somebody made.
        var existing = new FileInfo(target);
        if (Directory.Exists(target))
            throw new EngineException(ErrorIds.OverlayAlreadyExists, $"'{target}' is a directory.",
                "Name a file that does not exist yet.", target);
        // Replacing a device node would not write to the device, but take its name away.
        if (existing.Exists && !IsRegularOrLink(target))
            throw new EngineException(ErrorIds.OverlayAlreadyExists, $"'{target}' is not a regular file.",
                "Name a file that does not exist yet.", target);
        if (!force && (existing.Exists || existing.LinkTarget is not null))
            throw AlreadyExists(target);

        var directory = Path.GetDirectoryName(target) ?? "/";
        if (!Directory.Exists(directory))
            throw new EngineException(ErrorIds.OverlayFileNotFound, $"The directory '{directory}' does not exist.",
                "Create it first, or choose another place.", target);

        while (true)
        {
            var temporary = TemporaryFiles.NewName(target);
            var handle = Open.TryFile(temporary, Open.ReadWrite | Open.Create | Open.Exclusive | Open.NoFollow, mode, out var errno);
            if (handle is not null && TemporaryFiles.TryHold(handle))
                return new AtomicFile(target, temporary, handle);
            handle?.Dispose();
            if (handle is null && errno != Errno.EEXIST)
                throw new LinuxException("open", errno, temporary);
        }
    }

    /// <summary>Makes the file durable and gives it its name.</summary>
    /// <param name="replace">Whether an existing target may be replaced.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayAlreadyExists"/> when somebody made the target meanwhile.</exception>
    public void Commit(bool replace)
    {
        Fsync.File(Handle, _temporary);
        try
        {
            Rename.File(_temporary, Target, replace);
        }
        catch (LinuxException error) when (error.ErrorNumber == Errno.EEXIST)
        {
            throw AlreadyExists(Target);
        }

        _committed = true;
        TemporaryFiles.LetGo(Handle);
        Fsync.DirectoryOf(Target);
    }

    /// <summary>Closes the file; one that was not committed is removed.</summary>
    public void Dispose()
    {
        Handle.Dispose();
        if (!_committed)
            File.Delete(_temporary);
    }

    private static bool IsRegularOrLink(string path)
    {
        using var handle = Open.File(path, Open.PathOnly | Open.NoFollow);
        return Statx.Of(handle, path).FileType is Statx.RegularFile or Statx.SymbolicLink;
    }

    private static EngineException AlreadyExists(string target) =>
        new(ErrorIds.OverlayAlreadyExists, $"'{target}' already exists.",
            "Choose another name, or give -Force to replace it.", target);
}
