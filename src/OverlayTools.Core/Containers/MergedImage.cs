using System.Text;
using OverlayTools.IO;
using OverlayTools.Sif;

namespace OverlayTools.Containers;

/// <summary>What a SIF image with another root file system has in common with the one that it comes from.</summary>
internal static class MergedImage
{
    /// <summary>The objects of the new image, in the order of the old one: all but signatures, which would not be valid,
    /// and overlays, which are the root file system's.</summary>
    /// <param name="source">The old image, which stays open until the new one is written; null for none.</param>
    /// <param name="root">The new root file system.</param>
    /// <param name="fileSystem">Its kind.</param>
    /// <param name="warnings">Told what the new image does not have.</param>
    public static List<SifNewObject> Objects(SifImage? source, SifContent root, SifFileSystem fileSystem, List<string> warnings)
    {
        if (source is null)
            return [Root(root, fileSystem, null)];
        var kept = source.Objects.Where(item => item.Fault is null && item.DataType != SifDataType.Signature
            && !item.IsPartition(SifPartitionType.Overlay)).ToList();
        if (source.IsSigned)
            warnings.Add($"'{source.Path}' is signed; the merged image is not.");
        var overlays = source.Objects.Count(item => item.IsPartition(SifPartitionType.Overlay));
        if (overlays > 0)
            warnings.Add($"'{source.Path}' has {overlays} overlay partition(s), which are not kept in the merged image; what of them "
                + "shall be in it has to be named as an overlay.");
        if (source.Objects.FirstOrDefault(item => item.Fault is not null) is { } damaged)
            warnings.Add($"Object {damaged.Id} of '{source.Path}' is damaged, and is not in the merged image.");
        // A new image numbers its objects from 1.
        var numbers = kept.Select((item, index) => (item.Id, Number: (uint)index + 1)).DistinctBy(pair => pair.Id)
            .ToDictionary(pair => pair.Id, pair => pair.Number);
        var primary = source.PrimaryPartition;
        return [.. kept.Select(item => ReferenceEquals(item, primary) ? Root(root, fileSystem, item) : Copy(item, numbers))];
    }

    /// <summary>The launch script, as it was stored.</summary>
    public static string LaunchScript(SifImage source) =>
        Encoding.UTF8.GetString(source.Header.LaunchScript.AsSpan(0, SifHeader.LaunchScriptSize - 1)).TrimEnd('\0');

    private static SifNewObject Root(SifContent content, SifFileSystem fileSystem, SifObject? old) => new()
    {
        DataType = SifDataType.Partition,
        Content = content,
        GroupId = old is null ? SifNewObject.DefaultGroup : old.GroupId,
        Name = old is null ? "" : NameOf(old),
        Metadata = new SifPartitionMetadata(fileSystem, SifPartitionType.PrimarySystem,
            old?.Partition?.Architecture ?? SifArchitectures.Host),
    };

    private static SifNewObject Copy(SifObject item, Dictionary<uint, uint> numbers)
    {
        var data = item.OpenData();
        return new SifNewObject
        {
            DataType = item.DataType,
            Content = SifContent.Written(data.Length, (target, _, token) => Copy(data, target, token)),
            GroupId = item.GroupId,
            LinkedId = item.LinkedToGroup ? item.LinkedId
                : item.LinkedId is { } linked && numbers.TryGetValue(linked, out var number) ? number : null,
            LinkedToGroup = item.LinkedToGroup,
            Name = NameOf(item),
            Time = item.Created,
            Metadata = item.Metadata is null ? null : new SifCustomMetadata(item.Descriptor.Extra.ToArray()),
        };
    }

    private static string NameOf(SifObject item) => Encoding.UTF8.GetString(item.NameBytes);

    private static void Copy(Window from, Window to, CancellationToken token)
    {
        var buffer = new byte[(int)Math.Min(SparseCopy.ChunkSize, from.Length)];
        for (long at = 0; at < from.Length; at += buffer.Length)
        {
            token.ThrowIfCancellationRequested();
            var chunk = buffer.AsSpan(0, (int)Math.Min(buffer.Length, from.Length - at));
            from.Read(at, chunk);
            to.Write(at, chunk);
        }
    }
}
