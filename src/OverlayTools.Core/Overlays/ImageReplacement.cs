using System.Text;
using Microsoft.Win32.SafeHandles;
using OverlayTools.IO;
using OverlayTools.Native;

namespace OverlayTools.Overlays;

/// <summary>Begins the file that takes an image's place: one that is the same to everybody who looks at it from
/// outside.</summary>
internal static class ImageReplacement
{
    /// <summary>Makes a temporary file beside the image, with its owner, permissions and extended attributes, access
    /// control lists among them. The mark of a writer, who is gone, is none of these.</summary>
    /// <param name="file">The open image.</param>
    /// <param name="path">Its own path, not that of a link.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayHasOtherNames"/>: the other names would still lead
    /// to the old file, and there were two images then.</exception>
    public static AtomicFile Begin(SafeFileHandle file, string path)
    {
        var status = Statx.Of(file, path);
        if (status.Links > 1)
            throw new EngineException(ErrorIds.OverlayHasOtherNames,
                $"'{path}' has {status.Links} names (hard links), and a new file would take the place of this one alone.",
                "Remove the other names, or work on a copy; 'find -samefile' finds them.", path);
        return BeginForName(file, path);
    }

    /// <summary>The same, whatever other names lead to the old file.</summary>
    /// <inheritdoc cref="Begin"/>
    public static AtomicFile BeginForName(SafeFileHandle file, string path)
    {
        TemporaryFiles.RemoveAbandoned(path);
        var status = Statx.Of(file, path);
        var copy = AtomicFile.Create(path, status.Permissions, force: true);
        try
        {
            if (status.UserId != User.EffectiveId() || status.GroupId != User.EffectiveGroupId())
                Fchown.File(copy.Handle, status.UserId, status.GroupId, path);
            File.SetUnixFileMode(copy.Handle, (UnixFileMode)status.Permissions);
            CopyAttributes(path, copy.Handle);
            return copy;
        }
        catch
        {
            copy.Dispose();
            throw;
        }
    }

    // What cannot be set here (security.*, of an ordinary user) is the system's to set.
    private static void CopyAttributes(string path, SafeFileHandle copy)
    {
        using var directory = Open.File(Path.GetDirectoryName(path) ?? "/", Open.PathOnly | Open.Directory);
        var attributes = ExtendedAttributes.Read(directory, Encoding.UTF8.GetBytes(Path.GetFileName(path)), path);
        foreach (var (name, value) in attributes ?? [])
        {
            if (!WriterMark.IsNameOfOne(name))
                ExtendedAttributes.TrySet(copy, name, value);
        }
    }
}
