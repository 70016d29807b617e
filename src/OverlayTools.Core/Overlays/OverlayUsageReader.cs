using OverlayTools.Ext;
using OverlayTools.Native;

namespace OverlayTools.Overlays;

/// <summary>Finds out what the blocks of an overlay image are used for. The image is only read, without a lock.</summary>
public static class OverlayUsageReader
{
    /// <summary>The most parts that are told apart.</summary>
    public const int MostParts = 4096;

    /// <summary>Reads an image, or the ext3 partitions of a SIF image. A journal that has to be replayed is seen as
    /// replayed.</summary>
    /// <param name="path">An image file, or a SIF image.</param>
    /// <param name="id">The one partition that is meant; null for all ext3 ones.</param>
    /// <param name="token">Stops the work.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFileNotFound"/>, <see cref="ErrorIds.OverlayNotExt3"/>,
    /// <see cref="ErrorIds.OverlayCorrupt"/>, <see cref="ErrorIds.OverlayFeatureUnsupported"/>,
    /// <see cref="ErrorIds.OptionConflict"/>, <see cref="ErrorIds.SifDescriptorNotFound"/>.</exception>
    public static IEnumerable<OverlayUsage> Read(string path, uint? id = null, CancellationToken token = default)
    {
        using var file = OverlayFile.OpenExisting(path, Open.ReadOnly);
        foreach (var location in OverlayLocation.Find(file, path, id))
        {
            var window = location.Open(file);
            var fileSystem = ImageContent.AfterReplay(ExtFileSystem.Open(window), window, isWritten: false, token);
            yield return Read(fileSystem, path, location.Id, token);
        }
    }

    private static OverlayUsage Read(ExtFileSystem fileSystem, string path, uint? id, CancellationToken token)
    {
        var geometry = fileSystem.Geometry;
        var superblock = fileSystem.Superblock;
        var parts = new Parts(geometry);
        var journal = (superblock.FeatureCompat & ExtFeatures.CompatHasJournal) != 0 && superblock.JournalInode != 0
            ? JournalLog.Open(fileSystem)
            : null;
        var bitmap = new byte[geometry.BlockSize];
        var raw = new byte[geometry.DescriptorSize];
        for (var group = 0u; group < geometry.GroupCount; group++)
        {
            token.ThrowIfCancellationRequested();
            var descriptor = fileSystem.ReadGroup(group, raw);
            fileSystem.Window.Read(geometry.OffsetOf(descriptor.BlockBitmap), bitmap);
            var (first, count) = (geometry.FirstBlock(group), geometry.BlocksIn(group));
            for (var at = 0u; at < count;)
            {
                var used = ExtBitmap.IsSet(bitmap, at);
                var end = used ? ExtBitmap.FirstClear(bitmap, at, count) : ExtBitmap.FirstSet(bitmap, at, count);
                parts.Add(used ? Use.Files : Use.Free, first + at, first + end);
                at = end;
            }

            foreach (var (start, end) in Metadata(geometry, descriptor, group))
                parts.Move(Use.Files, Use.Metadata, start, Math.Min(end, first + count));
            foreach (var block in journal?.BlocksFrom(first, first + count) ?? [])
                parts.Move(Use.Files, Use.Journal, block, block + 1);
        }

        // Of blocks of 1 KiB, the boot block lies before the first group.
        parts.Add(Use.Metadata, 0, geometry.FirstDataBlock);
        return new OverlayUsage
        {
            Path = path,
            Id = id,
            SizeBytes = geometry.SizeBytes,
            GroupCount = geometry.GroupCount,
            MetadataBytes = parts.Total(Use.Metadata),
            JournalBytes = parts.Total(Use.Journal),
            FileBytes = parts.Total(Use.Files),
            FreeBytes = parts.Total(Use.Free),
            ReservedBytes = (long)superblock.ReservedBlocksCount * geometry.BlockSize,
            InodeCount = superblock.InodesCount,
            FreeInodeCount = Math.Min(superblock.FreeInodesCount, superblock.InodesCount),
            Parts = parts.ToList(),
        };
    }

    private static (uint Start, uint End)[] Metadata(ExtGeometry geometry, GroupDescriptor descriptor, uint group)
    {
        var first = geometry.FirstBlock(group);
        return
        [
            (first, first + geometry.SuperblockBlocks(group)),
            (descriptor.BlockBitmap, descriptor.BlockBitmap + 1),
            (descriptor.InodeBitmap, descriptor.InodeBitmap + 1),
            (descriptor.InodeTable, descriptor.InodeTable + geometry.InodeTableBlocks),
        ];
    }

    private enum Use
    {
        Metadata,
        Journal,
        Files,
        Free,
    }

    /// <summary>Counts blocks by part and use.</summary>
    private sealed class Parts
    {
        private readonly ExtGeometry _geometry;
        private readonly uint _blocksPerPart;
        private readonly long[,] _blocks;

        public Parts(ExtGeometry geometry)
        {
            _geometry = geometry;
            _blocksPerPart = Math.Max(1, (geometry.BlocksCount + MostParts - 1) / MostParts);
            _blocks = new long[(geometry.BlocksCount + _blocksPerPart - 1) / _blocksPerPart, 4];
        }

        public void Add(Use use, uint start, uint end) => Add(use, start, end, 1);

        // What a damaged file system says of itself may lie outside: that is nobody's then.
        public void Move(Use from, Use to, uint start, uint end)
        {
            end = Math.Min(end, _geometry.BlocksCount);
            if (start >= end)
                return;
            Add(from, start, end, -1);
            Add(to, start, end, 1);
        }

        public long Total(Use use)
        {
            var sum = 0L;
            for (var part = 0; part < _blocks.GetLength(0); part++)
                sum += Bytes(part, use);
            return sum;
        }

        public List<OverlayUsagePart> ToList()
        {
            var list = new List<OverlayUsagePart>();
            for (var part = 0; part < _blocks.GetLength(0); part++)
                list.Add(new OverlayUsagePart((long)part * _blocksPerPart * _geometry.BlockSize,
                    Bytes(part, Use.Metadata), Bytes(part, Use.Journal), Bytes(part, Use.Files), Bytes(part, Use.Free)));
            return list;
        }

        private void Add(Use use, uint start, uint end, int sign)
        {
            for (var at = start; at < end;)
            {
                var part = at / _blocksPerPart;
                var stop = (uint)Math.Min(end, ((ulong)part + 1) * _blocksPerPart);
                _blocks[part, (int)use] += sign * (long)(stop - at);
                at = stop;
            }
        }

        private long Bytes(int part, Use use) => Math.Max(0, _blocks[part, (int)use]) * _geometry.BlockSize;
    }
}
