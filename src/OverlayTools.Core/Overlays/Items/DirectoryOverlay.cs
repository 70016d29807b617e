using Microsoft.Win32.SafeHandles;
using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.Native;

namespace OverlayTools.Overlays;

/// <summary>An overlay that is a directory of this machine, locked to be changed. Every path is opened from <c>upper</c>
/// on, through no link.</summary>
internal sealed class DirectoryOverlay : IDisposable
{
    private readonly SafeFileHandle _directory;

    private DirectoryOverlay(SafeFileHandle directory, SafeFileHandle upper, string path)
    {
        (_directory, Upper, Path, UpperPath) = (directory, upper, path, System.IO.Path.Join(path, "upper"));
        var status = Statx.Of(upper, UpperPath);
        Owner = new OverlayOwner(status.UserId, status.GroupId);
    }

    public string Path { get; }

    public SafeFileHandle Upper { get; }

    public string UpperPath { get; }

    /// <summary>Whom <c>upper</c> belongs to.</summary>
    public OverlayOwner Owner { get; }

    /// <summary>Opens it, locked against others.</summary>
    /// <param name="path">The directory with <c>upper</c>.</param>
    /// <param name="warn">Told when nothing keeps others out.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayMissingUpper"/>,
    /// <see cref="ErrorIds.OverlayInUse"/>.</exception>
    public static DirectoryOverlay Open(string path, Action<string> warn)
    {
        var directory = Native.Open.File(path, Native.Open.ReadOnly | Native.Open.Directory);
        SafeFileHandle? upper = null;
        try
        {
            if (!DirectoryLock.Acquire(directory, path, exclusive: true))
                warn($"The file system that holds '{path}' knows no locks: make sure that nobody else uses the overlay.");
            upper = DirectoryContent.OpenUpper(path);
            ImageUsers.RefuseMounted(upper, path);
            return new DirectoryOverlay(directory, upper, path);
        }
        catch
        {
            upper?.Dispose();
            DirectoryLock.Release(directory);
            directory.Dispose();
            throw;
        }
    }

    /// <summary>Goes along names as far as there are directories.</summary>
    /// <returns>The path of the last one, from <c>upper</c> on, and how many names there are no directories for; what is
    /// hidden counts as not there.</returns>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayWrongFileType"/> for another file on the
    /// way.</exception>
    public (byte[] Path, int Missing) Walk(IReadOnlyList<ExtName> names)
    {
        byte[] at = [];
        for (var done = 0; done < names.Count; done++)
        {
            using var parent = OpenDirectory(at);
            using var found = Openat2.TryBeneath(parent, names[done].Bytes, Native.Open.PathOnly, out var errno);
            if (errno == Errno.ENOENT || (found is not null && DirectoryWhiteouts.Of(parent, names[done]).IsDevice))
                return (at, names.Count - done);
            if (found is null)
                throw new LinuxException("openat2", errno, Describe(at, names[done]));
            if (Statx.Of(found).FileType != Statx.Directory)
                throw NodeInserter.NoDirectory(names[done]);
            at = names[done].Below(at);
        }

        return (at, 0);
    }

    /// <summary>A directory in it.</summary>
    public SafeFileHandle OpenDirectory(byte[] path) => Openat2.Beneath(
        Upper, path is [] ? "."u8 : path, Native.Open.ReadOnly | Native.Open.Directory, UpperPath);

    /// <summary>The path of a name as errors show it.</summary>
    public string Describe(byte[] directory, ExtName name) =>
        System.IO.Path.Join(UpperPath, PrintableText.Show(name.Below(directory)));

    /// <inheritdoc/>
    public void Dispose()
    {
        Upper.Dispose();
        DirectoryLock.Release(_directory);
        _directory.Dispose();
    }
}
