using System.Buffers.Binary;
using System.Security.Cryptography;
using OverlayTools.Sif;

namespace OverlayTools.Core.Tests.Sif;

/// <summary>Images made in memory, and what the tests do to them.</summary>
internal static class Samples
{
    public const string ImagePath = "/test/image.sif";

    public static readonly DateTimeOffset Time = DateTimeOffset.FromUnixTimeSeconds(946702800);

    public static readonly byte[] Face = [0xFA, 0xCE];

    public static readonly byte[] Feed = [0xFE, 0xED];

    public static readonly SifCreateOptions Deterministic = new() { Deterministic = true };

    public static SifNewObject Generic(byte[] bytes, long? alignment = null) =>
        new() { DataType = SifDataType.Generic, Content = SifContent.FromBytes(bytes), Alignment = alignment };

    public static SifNewObject Partition(
        byte[] bytes, SifPartitionType type, SifArchitecture architecture = SifArchitecture.I386,
        SifFileSystem fileSystem = SifFileSystem.Squashfs, uint? group = 1, long? alignment = null) => new()
        {
            DataType = SifDataType.Partition,
            Content = SifContent.FromBytes(bytes),
            Metadata = new SifPartitionMetadata(fileSystem, type, architecture),
            GroupId = group,
            Alignment = alignment,
        };

    public static SifNewObject Primary(byte[] bytes, long? alignment = null) =>
        Partition(bytes, SifPartitionType.PrimarySystem, alignment: alignment);

    public static SifNewObject SignatureOf(uint linked, bool group = true, uint? ownGroup = null) => new()
    {
        DataType = SifDataType.Signature,
        Content = SifContent.FromBytes("{}"u8.ToArray()),
        GroupId = ownGroup,
        LinkedId = linked,
        LinkedToGroup = group,
        Metadata = new SifSignatureMetadata(SifHashType.Sha256, null),
    };

    public static byte[] Create(SifCreateOptions options, params SifNewObject[] objects)
    {
        var file = new RecordingWindow([]);
        SifWriter.Create(file, ImagePath, options, objects);
        return file.Bytes;
    }

    public static byte[] Add(byte[] image, SifNewObject added, SifChangeOptions? options = null)
    {
        var file = new RecordingWindow(image);
        SifEditor.Add(file, ImagePath, added, options);
        return file.Bytes;
    }

    /// <summary>Two objects of group 1 as in the reference image <c>one-group.sif</c>: 32768-32772 and
    /// 36864-40960.</summary>
    public static byte[] OneGroup()
    {
        var squashfs = new byte[4096];
        new Random(1).NextBytes(squashfs);
        return Create(Deterministic,
            Partition([0xFA, 0xCE, 0xFE, 0xED], SifPartitionType.System, fileSystem: SifFileSystem.Raw),
            Primary(squashfs));
    }

    public static SifImage Open(byte[] image) => SifImage.Open(new RecordingWindow(image), ImagePath);

    public static byte[] Delete(byte[] image, int slot)
    {
        var changed = (byte[])image.Clone();
        changed.AsSpan(4096 + (slot * SifDescriptor.Size), SifDescriptor.Size).Clear();
        return changed;
    }

    public static byte[] Patch(byte[] image, int offset, params byte[] bytes)
    {
        var changed = (byte[])image.Clone();
        bytes.CopyTo(changed, offset);
        return changed;
    }

    public static byte[] Patch(byte[] image, int offset, long value)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
        return Patch(image, offset, bytes);
    }

    public static string Hash(ReadOnlySpan<byte> bytes) =>
        Convert.ToHexString(SHA256.HashData(bytes)).ToLowerInvariant();
}
