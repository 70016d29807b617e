using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.Native;
using OverlayTools.Sif;
using OverlayTools.Squashfs;

namespace OverlayTools.Overlays;

/// <content>Which base it is.</content>
public sealed partial record OverlayBase
{
    // Tables of a large image have some 10 MB; their start and end tell it from others as well.
    private const int TableBytes = 1 << 20;
    private const int DataBytes = 64 * 1024;

    /// <summary>Finds out which base there is. Milliseconds, whatever its size.</summary>
    /// <param name="path">A SIF, squashfs or ext3 image, or a directory.</param>
    /// <param name="id">The partition of a SIF image; null for the primary one.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFileNotFound"/>,
    /// <see cref="ErrorIds.ImageNotRecognized"/>, <see cref="ErrorIds.SifNoPrimaryPartition"/>,
    /// <see cref="ErrorIds.SifEncrypted"/>, <see cref="ErrorIds.SifCorrupt"/>,
    /// <see cref="ErrorIds.SquashfsCorrupt"/>.</exception>
    public static OverlayBase Of(string path, uint? id = null)
    {
        var full = System.IO.Path.GetFullPath(path);
        if (Directory.Exists(full))
            return OfDirectory(full);
        using var file = OverlayFile.OpenExisting(full, Open.ReadOnly);
        return Of(file, full, id);
    }

    /// <summary>Whether a base is the one that is remembered. Nothing but the file's size and time is read where these and
    /// its path are as they were.</summary>
    /// <inheritdoc cref="Of(string, uint?)"/>
    public OverlayBaseMatch Compare(string path, uint? id = null)
    {
        var full = System.IO.Path.GetFullPath(path);
        if (full == Path && (id is null || id == PartitionId) && IsUntouched(full))
            return OverlayBaseMatch.Same;
        var there = Of(full, id);
        // A sandbox that was copied has other inodes, and one that was moved another path.
        if (there.Kind == OverlayBaseKind.Directory && Kind == OverlayBaseKind.Directory && there.Path == Path)
            return OverlayBaseMatch.Same;
        return there.Kind == Kind && there.Digest == Digest ? OverlayBaseMatch.Same : OverlayBaseMatch.Other;
    }

    internal static OverlayBase Of(SafeFileHandle file, string path, uint? id)
    {
        var (place, sifId) = Layers.FindRoot(file, path, id);
        var window = place.Open(file);
        var status = Statx.Of(file, path);
        var (kind, digest) = SifFileSystems.Detect(window) switch
        {
            SifFileSystem.Squashfs => (OverlayBaseKind.Squashfs, OfSquashfs(window)),
            SifFileSystem.Ext3 => (OverlayBaseKind.Ext3, OfExt(window)),
            _ => throw new EngineException(ErrorIds.ImageNotRecognized, $"'{path}' has no squashfs or ext3 file system.",
                "Check that the file is complete.", path),
        };
        return new OverlayBase
        {
            Path = path,
            Kind = kind,
            SifId = sifId,
            PartitionId = place.Id,
            Digest = digest,
            SizeBytes = status.Size,
            Modified = ModifiedOf(status),
            Recorded = Now(),
        };
    }

    private static OverlayBase OfDirectory(string path)
    {
        using var directory = Open.File(path, Open.ReadOnly | Open.Directory | Open.PathOnly);
        var status = Statx.Of(directory, path);
        return new OverlayBase
        {
            Path = path,
            Kind = OverlayBaseKind.Directory,
            Digest = string.Create(CultureInfo.InvariantCulture, $"inode:{status.Inode}"),
            Modified = ModifiedOf(status),
            Recorded = Now(),
        };
    }

    private bool IsUntouched(string path)
    {
        if (Kind == OverlayBaseKind.Directory)
            return false;
        using var file = Open.TryFile(path, Open.PathOnly, 0, out _);
        return file is not null && Statx.Of(file, path) is var status && status.Size == SizeBytes && ModifiedOf(status) == Modified;
    }

    private static string OfSquashfs(Window window)
    {
        var superblock = SquashfsSuperblock.Read(window);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(superblock.Raw);
        Append(hash, window, superblock.InodeTable, superblock.BytesUsed, TableBytes);
        // Two small images that were made alike in the same second have the same tables.
        Append(hash, window, SquashfsSuperblock.Size, superblock.InodeTable, DataBytes);
        return Text(hash);
    }

    private static void Append(IncrementalHash hash, Window window, long start, long end, int most)
    {
        var buffer = new byte[(int)Math.Min(end - start, most)];
        window.Read(start, buffer);
        hash.AppendData(buffer);
        if (end - start <= buffer.Length)
            return;
        window.Read(Math.Max(start + buffer.Length, end - buffer.Length), buffer.AsSpan(0, (int)Math.Min(buffer.Length, end - start - buffer.Length)));
        hash.AppendData(buffer, 0, (int)Math.Min(buffer.Length, end - start - buffer.Length));
    }

    private static string OfExt(Window window)
    {
        var superblock = ExtSuperblock.Read(window);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(superblock.Uuid.ToByteArray());
        hash.AppendData(superblock.HashSeed.ToByteArray());
        hash.AppendData(superblock.Raw.Slice(0x108, sizeof(uint))); // s_mkfs_time
        return Text(hash);
    }

    private static string Text(IncrementalHash hash) => "sha256:" + Convert.ToHexString(hash.GetHashAndReset()).ToLowerInvariant();

    private static DateTimeOffset ModifiedOf(Statx.Status status) =>
        new ExtTime(Math.Clamp(status.ModifiedSeconds, 0, uint.MaxValue * 2L), status.ModifiedNanoseconds).ToDateTimeOffset();

    // To the second: a time is for people.
    private static DateTimeOffset Now() => DateTimeOffset.FromUnixTimeSeconds(DateTimeOffset.UtcNow.ToUnixTimeSeconds());
}
