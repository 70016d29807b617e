using OverlayTools.Ext;

namespace OverlayTools.Overlays;

/// <summary>Measures what an overlay image would be filled with. Contents are not read.</summary>
public static class OverlaySourceMeasurer
{
    private const int BlockSize = 4096;

    /// <summary>mke2fs's ratio for images from 512 MiB to 4 TiB, and finer ones.</summary>
    private static readonly int[] s_ratios = [16384, 8192, 4096, 2048, 1024];

    /// <summary>Measures a directory or a tar archive.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFileNotFound"/>, <see cref="ErrorIds.TarCorrupt"/>,
    /// <see cref="ErrorIds.TarUnsupported"/>, <see cref="ErrorIds.TarMemberRefused"/>,
    /// <see cref="ErrorIds.OverlaySizeTooLarge"/>, <see cref="ErrorIds.OverlayFull"/> for what no image can
    /// hold.</exception>
    /// <exception cref="OperationCanceledException">The token asked for it.</exception>
    public static OverlaySourceMeasure Measure(
        string path, IProgress<EngineProgress>? progress = null, CancellationToken token = default)
    {
        using var source = OverlaySource.Open(path, spoolDirectory: null, owner: null, progress, token);
        var (files, directories, bytes, largest, largestBytes) = Count(source.Root, token);
        var tree = OverlayTree.Create(0, 0, [], content: source.Root);
        var options = new ExtFormatOptions();
        var need = ExtSizing.Measure(tree, BlockSize);
        return new OverlaySourceMeasure
        {
            Path = path,
            IsArchive = source.IsArchive,
            FileCount = files,
            DirectoryCount = directories,
            ContentBytes = bytes,
            InodeCount = need.Inodes,
            SizeBytes = Math.Max(OverlayCreation.LeastSizeBytes, ExtSizing.SizeFor(tree, options)),
            SuggestedSizeBytes = OverlaySource.SizeWithRoom(tree, options),
            BytesPerInode = RatioFor(need),
            LargestFile = largest,
            LargestFileBytes = largestBytes,
        };
    }

    // The usual ratio, or the first finer one at which the blocks of the content alone bring a quarter more inodes than
    // it needs.
    private static int RatioFor(ExtSizing need) =>
        Array.Find(s_ratios, ratio => Math.Max(need.Blocks * BlockSize, OverlayCreation.LeastSizeBytes) / ratio >= need.Inodes * 5 / 4)
            is var found and > 0 ? found : s_ratios[^1];

    private static (long Files, long Directories, long Bytes, string Largest, long LargestBytes) Count(
        ExtNode root, CancellationToken token)
    {
        var seen = new HashSet<ExtNode>(ReferenceEqualityComparer.Instance);
        var pending = new Stack<(string Path, ExtNode Node)>();
        pending.Push(("", root));
        var (files, directories, bytes, largest, largestBytes) = (0L, 0L, 0L, "", -1L);
        while (pending.TryPop(out var next))
        {
            token.ThrowIfCancellationRequested();
            foreach (var (name, node) in next.Node.Children)
            {
                if (node.Type == ExtFileType.Directory)
                {
                    directories++;
                    pending.Push(($"{next.Path}{name}/", node));
                    continue;
                }

                if (!seen.Add(node))
                    continue;
                files++;
                bytes += node.Content.DataRuns.Sum(run => run.End - run.Start);
                if (node.Type == ExtFileType.RegularFile && node.Content.Length > largestBytes)
                    (largest, largestBytes) = (next.Path + name, node.Content.Length);
            }
        }

        return (files, directories, bytes, largest, Math.Max(0, largestBytes));
    }
}
