namespace OverlayTools.Ext;

/// <summary>Finds what a file system does not need the content of: it may become a hole in the file.</summary>
internal static class UnusedSpace
{
    private const int TableBlocksAtOnce = 64;

    /// <summary>Ranges in bytes, ascending and apart: free blocks, inode tables that are zero, and the log of a journal
    /// in which nothing waits to be replayed.</summary>
    /// <param name="fileSystem">A sound file system whose journal was replayed.</param>
    /// <param name="token">Stops the search.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    public static List<(long Start, long End)> Find(ExtFileSystem fileSystem, CancellationToken token)
    {
        var geometry = fileSystem.Geometry;
        var blocks = new List<(uint Start, uint End)>();
        var bitmap = new byte[geometry.BlockSize];
        var raw = new byte[geometry.DescriptorSize];
        for (var group = 0u; group < geometry.GroupCount; group++)
        {
            token.ThrowIfCancellationRequested();
            var descriptor = fileSystem.ReadGroup(group, raw);
            fileSystem.Window.Read(geometry.OffsetOf(descriptor.BlockBitmap), bitmap);
            AddFree(blocks, bitmap, geometry.FirstBlock(group), geometry.BlocksIn(group));
            AddZeroTable(blocks, fileSystem, descriptor.InodeTable, token);
        }

        AddLog(blocks, fileSystem);
        return Merge(blocks, geometry);
    }

    private static void AddFree(List<(uint Start, uint End)> blocks, ReadOnlySpan<byte> bitmap, uint first, uint count)
    {
        for (var at = ExtBitmap.FirstClear(bitmap, 0, count); at < count;)
        {
            var end = ExtBitmap.FirstSet(bitmap, at, count);
            blocks.Add((first + at, first + end));
            at = ExtBitmap.FirstClear(bitmap, end, count);
        }
    }

    // mkfs writes the tables out; most of a large one is never used.
    private static void AddZeroTable(List<(uint Start, uint End)> blocks, ExtFileSystem fileSystem, uint table, CancellationToken token)
    {
        var geometry = fileSystem.Geometry;
        var buffer = new byte[TableBlocksAtOnce * geometry.BlockSize];
        for (var done = 0u; done < geometry.InodeTableBlocks; done += TableBlocksAtOnce)
        {
            token.ThrowIfCancellationRequested();
            var count = (int)Math.Min(TableBlocksAtOnce, geometry.InodeTableBlocks - done);
            var offset = geometry.OffsetOf(table + done);
            // A hole needs no look.
            if (fileSystem.Window.NextData(offset) - offset >= (long)count * geometry.BlockSize)
                continue;
            fileSystem.Window.Read(offset, buffer.AsSpan(0, count * geometry.BlockSize));
            for (var i = 0; i < count; i++)
            {
                if (!buffer.AsSpan(i * geometry.BlockSize, geometry.BlockSize).ContainsAnyExcept((byte)0))
                    blocks.Add((table + done + (uint)i, table + done + (uint)i + 1));
            }
        }
    }

    private static void AddLog(List<(uint Start, uint End)> blocks, ExtFileSystem fileSystem)
    {
        if ((fileSystem.Superblock.FeatureCompat & ExtFeatures.CompatHasJournal) == 0 || fileSystem.Superblock.JournalInode == 0)
            return;
        var log = JournalLog.Open(fileSystem);
        if (log.Superblock.Start != 0)
            return;
        for (var logical = log.Superblock.First; logical < log.Superblock.MaxLength; logical++)
        {
            var block = (uint)(log.OffsetOf(logical) / fileSystem.Geometry.BlockSize);
            blocks.Add((block, block + 1));
        }
    }

    private static List<(long Start, long End)> Merge(List<(uint Start, uint End)> blocks, ExtGeometry geometry)
    {
        blocks.Sort();
        var merged = new List<(long Start, long End)>();
        foreach (var (start, end) in blocks)
        {
            var (from, to) = (geometry.OffsetOf(start), geometry.OffsetOf(end));
            if (merged.Count > 0 && merged[^1].End == from)
                merged[^1] = (merged[^1].Start, to);
            else
                merged.Add((from, to));
        }

        return merged;
    }
}
