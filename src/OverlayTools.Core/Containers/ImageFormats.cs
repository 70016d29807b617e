using Microsoft.Win32.SafeHandles;
using OverlayTools.Sif;

namespace OverlayTools.Containers;

/// <summary>What an image file is.</summary>
internal enum ImageFormat
{
    /// <summary>Nothing that can be run or mounted.</summary>
    Unknown,

    /// <summary>A SIF image.</summary>
    Sif,

    /// <summary>A bare squashfs file system.</summary>
    Squashfs,

    /// <summary>A bare ext2/3/4 file system.</summary>
    Ext3,
}

/// <summary>Recognises image files by their magic numbers.</summary>
internal static class ImageFormats
{
    /// <summary>Looks at the first bytes.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.ImageNotRecognized"/> for something that is no regular file.</exception>
    public static ImageFormat Recognize(SafeFileHandle file, string path)
    {
        var start = new byte[SifFileSystems.StartSize];
        int count;
        try
        {
            count = RandomAccess.Read(file, start, 0);
        }
        catch (Exception error) when (error is NotSupportedException or IOException)
        {
            throw new EngineException(ErrorIds.ImageNotRecognized, $"'{path}' is not a regular file.", "Name an image file.", path, error);
        }

        var bytes = start.AsSpan(0, count);
        if (SifHeader.Begins(bytes))
            return ImageFormat.Sif;
        return SifFileSystems.Detect(bytes) switch
        {
            SifFileSystem.Squashfs => ImageFormat.Squashfs,
            SifFileSystem.Ext3 => ImageFormat.Ext3,
            _ => ImageFormat.Unknown,
        };
    }
}
