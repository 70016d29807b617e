using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.Native;
using OverlayTools.Overlays;
using OverlayTools.Sif;

namespace OverlayTools.Containers;

/// <summary>Writes a layer as an overlay: squashfs or ext3, into a file of its own or a SIF image.</summary>
internal sealed class LayerOutput
{
    /// <summary>The file to make, or an existing SIF image.</summary>
    public required string Path { get; init; }

    /// <summary>Squashfs or ext3.</summary>
    public required SifFileSystem Format { get; init; }

    /// <summary>Packs squashfs; null for ext3.</summary>
    public SquashfsTreePacker? Packer { get; init; }

    /// <summary>Bytes of an ext3 image; null for what the layer needs, and room.</summary>
    public long? SizeBytes { get; init; }

    /// <summary>Replace an existing file.</summary>
    public bool Force { get; init; }

    /// <summary>Permissions of a new file.</summary>
    public uint Permissions { get; init; }

    /// <summary>What the overlay shall remember its base by; null for nothing.</summary>
    public byte[]? BaseRecord { get; init; }

    /// <summary>The SIF image, held open and locked, when the layer comes from it; else null.</summary>
    public LayerReading? Shared { get; init; }

    /// <summary>The partition of that image to remove afterwards; null for none.</summary>
    public uint? ReplacedId { get; init; }

    /// <summary>Writes it.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="source">What it comes from, for errors.</param>
    /// <param name="progress">Told of the bytes done.</param>
    /// <param name="token">Stops the work; nothing remains.</param>
    public OverlayConversionResult Write(
        ExtNode layer, string source, IProgress<EngineProgress>? progress, CancellationToken token)
    {
        if (OverlayCreator.IsSif(Path))
            return WriteToSif(layer, source, progress, token);
        using var replaced = Force ? OverlayCreator.HoldReplaced(Path) : null;
        using var file = AtomicFile.Create(Path, Permissions, Force);
        IReadOnlyList<string> warnings = [];
        if (Format == SifFileSystem.Squashfs)
        {
            warnings = Packer!.Pack(WithRecord(layer), file.Handle, file.TemporaryPath, source);
        }
        else
        {
            var (tree, size) = Ext3Tree(layer);
            Ftruncate.File(file.Handle, size, Path);
            Format3(new FileWindow(file.Handle), tree, progress, token);
        }

        token.ThrowIfCancellationRequested();
        var length = RandomAccess.GetLength(file.Handle);
        file.Commit(Force);
        return new OverlayConversionResult { Path = file.Target, FileSystem = Format, SizeBytes = length, Warnings = warnings };
    }

    /// <summary>What was made, with what was in it.</summary>
    public static OverlayConversionResult Describe(
        OverlayConversionResult result, LayerSummary summary, IReadOnlyList<string> sources) => result with
        {
            Source = sources,
            FileCount = summary.Files,
            ContentBytes = summary.ContentBytes,
            WhiteoutCount = summary.Whiteouts,
            OpaqueDirectoryCount = summary.OpaqueDirectories,
            ConvertedMarkCount = summary.ConvertedMarks,
        };

    /// <summary>Whether two paths lead to one file.</summary>
    public static bool IsSameFile(string one, string two)
    {
        using var first = Native.Open.TryFile(one, Native.Open.PathOnly, 0, out _);
        using var second = Native.Open.TryFile(two, Native.Open.PathOnly, 0, out _);
        if (first is null || second is null)
            return false;
        var (a, b) = (Statx.Of(first, one), Statx.Of(second, two));
        return (a.Device, a.Inode) == (b.Device, b.Inode);
    }

    private OverlayConversionResult WriteToSif(
        ExtNode layer, string source, IProgress<EngineProgress>? progress, CancellationToken token)
    {
        using (var image = SifImage.Open(Path, token))
            SifDestination.Check(image, Format, ReplacedId);
        if (Format == SifFileSystem.Ext3)
        {
            var (tree, size) = Ext3Tree(layer);
            using var written = SifContent.Written(size, (window, report, stop) => Format3(window, tree, report, stop));
            return Add(written, [], progress, token);
        }

        // Beside the image: the temporary directory is often a small disk in memory.
        var real = OverlayFile.RealPath(Path);
        using var packed = AtomicFile.Create($"{real}.{Guid.NewGuid():N}.squashfs", OverlayCreator.OwnerOnly, force: false);
        var warnings = Packer!.Pack(WithRecord(layer), packed.Handle, packed.TemporaryPath, source);
        using var content = SifContent.FromFile(packed.TemporaryPath);
        return Add(content, warnings, progress, token);
    }

    private OverlayConversionResult Add(
        SifContent content, IReadOnlyList<string> warnings, IProgress<EngineProgress>? progress, CancellationToken token)
    {
        var options = new SifChangeOptions { GrowTable = Force };
        if (Shared is { Exclusive: { } use } shared)
        {
            var window = new FileWindow(shared.File!);
            SifEditor.RefuseUsedRemains(use, window, Path, token);
            var placed = SifDestination.Put(window, Path, content, Format, ReplacedId, options, progress, token);
            return Result(placed, content.Length, warnings);
        }

        SifNewObject added;
        using (var image = SifImage.Open(Path, token))
            added = SifDestination.Describe(image, content, Format);
        return Result(SifEditor.Add(Path, added, options, progress, token).Object, content.Length, warnings);
    }

    private OverlayConversionResult Result(SifObject placed, long length, IReadOnlyList<string> warnings) => new()
    {
        Path = Path,
        Id = placed.Id,
        FileSystem = Format,
        SizeBytes = length,
        ReplacedId = ReplacedId,
        Warnings = warnings,
    };

    // As a runtime expects it: the layer is upper, and work is its owner's.
    private (ExtNode Tree, long Size) Ext3Tree(ExtNode layer)
    {
        var root = ExtNode.Directory(OverlayTree.DefaultPermissions, 0, 0, null, Record([]));
        root.Add("upper", layer);
        root.Add("work", ExtNode.Directory(OverlayTree.DefaultPermissions, layer.UserId, layer.GroupId));
        var options = new ExtFormatOptions();
        if (SizeBytes is not { } size)
            return (root, OverlaySource.SizeWithRoom(root, options));
        var need = ExtSizing.SizeFor(root, options);
        return need <= size
            ? (root, size)
            : throw new EngineException(ErrorIds.OverlayFull,
                $"The content does not fit into {ByteSize.Format(size)}: it needs an image of {need} bytes ({ByteSize.Format(need)}).",
                $"Give -SizeBytes {need} or more, or leave it out.", Path);
    }

    private ExtNode WithRecord(ExtNode layer)
    {
        if (BaseRecord is null)
            return layer;
        var root = layer.With(Record(layer.Attributes));
        foreach (var (name, node) in layer.Children)
            root.Add(name, node);
        return root;
    }

    private Dictionary<string, byte[]> Record(IEnumerable<KeyValuePair<string, byte[]>> attributes)
    {
        var all = new Dictionary<string, byte[]>(attributes, StringComparer.Ordinal);
        if (BaseRecord is { } record)
            all[OverlayBase.AttributeName] = record;
        return all;
    }

    private static void Format3(Window window, ExtNode tree, IProgress<EngineProgress>? progress, CancellationToken token) =>
        ExtFormatter.Format(window, new ExtFormatOptions(), tree, progress, token);
}
