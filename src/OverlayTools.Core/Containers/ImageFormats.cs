using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;

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
    private const int SifMagicOffset = 32;
    private const int Ext3MagicOffset = 1080;
    private const ushort Ext3Magic = 0xEF53;

    /// <summary>Looks at the first bytes.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.ImageNotRecognized"/> for something that is no regular file.</exception>
    public static ImageFormat Recognize(SafeFileHandle file, string path)
    {
        var start = new byte[2048];
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
        if (bytes.Length > SifMagicOffset + 10 && bytes[SifMagicOffset..].StartsWith("SIF_MAGIC\0"u8))
            return ImageFormat.Sif;
        if (bytes.StartsWith("hsqs"u8))
            return ImageFormat.Squashfs;
        return bytes.Length >= Ext3MagicOffset + 2
            && BinaryPrimitives.ReadUInt16LittleEndian(bytes[Ext3MagicOffset..]) == Ext3Magic
            ? ImageFormat.Ext3
            : ImageFormat.Unknown;
    }
}
