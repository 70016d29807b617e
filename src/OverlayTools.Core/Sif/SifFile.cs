using Microsoft.Win32.SafeHandles;

namespace OverlayTools.Sif;

/// <summary>Opens the file of an image.</summary>
internal static class SifFile
{
    /// <summary>Opens a regular file; a named pipe or the like neither blocks nor is read.</summary>
    public static SafeFileHandle Open(string path, bool writable)
    {
        if (Directory.Exists(path))
            throw NoImage(path, "is a directory");

        var access = writable ? Native.Open.ReadWrite : Native.Open.ReadOnly;
        var handle = Native.Open.File(path, access | Native.Open.NonBlock);
        try
        {
            _ = RandomAccess.GetLength(handle);
            return handle;
        }
        catch (NotSupportedException)
        {
            handle.Dispose();
            throw NoImage(path, "is not a regular file");
        }
    }

    private static EngineException NoImage(string path, string what) =>
        new(ErrorIds.SifBadMagic, $"'{path}' {what}, not a SIF image.", "Name a SIF image.", path);
}
