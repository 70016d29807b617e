namespace OverlayTools.Ext;

/// <summary>The journal of a file system, found and checked: its superblock, and where each of its blocks
/// lies.</summary>
internal sealed class JournalLog
{
    /// <summary>JBD takes no shorter journal (<c>JBD2_MIN_JOURNAL_BLOCKS</c>).</summary>
    private const uint LeastBlocks = 1024;

    /// <summary>mke2fs makes no longer one (e2fsprogs, <c>figure_journal_size</c>).</summary>
    private const uint MostBlocks = 10_240_000;

    private readonly ExtFileSystem _fileSystem;
    private readonly uint[] _blocks;
    private readonly uint[] _sorted;

    private JournalLog(ExtFileSystem fileSystem, uint[] blocks, uint[] sorted, JournalSuperblock superblock)
    {
        _fileSystem = fileSystem;
        _blocks = blocks;
        _sorted = sorted;
        Superblock = superblock;
    }

    public JournalSuperblock Superblock { get; }

    /// <summary>Where the journal's superblock lies, in bytes from the start of the file system.</summary>
    public long SuperblockOffset => OffsetOf(0);

    /// <summary>Blocks that the log itself has.</summary>
    public uint Length => Superblock.MaxLength - Superblock.First;

    /// <summary>Finds the journal and checks that it is of a form that we know.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFeatureUnsupported"/> or
    /// <see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    public static JournalLog Open(ExtFileSystem fileSystem)
    {
        // What was opened for reading only may be of ext4, whose journals say more than is understood here.
        ExtFileSystem.RequireExt3(fileSystem.Superblock);
        var number = fileSystem.Superblock.JournalInode;
        if ((fileSystem.Superblock.FeatureCompat & ExtFeatures.CompatHasJournal) == 0 || number == 0)
            throw Unsupported("it has no journal of its own");
        var inode = fileSystem.ReadInode(number);
        var geometry = fileSystem.Geometry;
        var length = inode.Size / geometry.BlockSize;
        if (inode.FileType != ExtFileType.RegularFile || inode.LinksCount == 0 || length < LeastBlocks
            || length > Math.Min(MostBlocks, geometry.BlocksCount))
            throw ExtCorrupt.Because($"the journal, inode {number}, is no file of a possible length.");

        var map = new BlockMap(fileSystem, inode, number);
        if (map.Find(0) == 0 || map.Find(length - 1) == 0)
            throw ExtCorrupt.Because($"the journal, inode {number}, lacks a block.");
        var offset = geometry.OffsetOf(map.Find(0));
        var raw = new byte[JournalSuperblock.Size];
        fileSystem.Window.Read(offset, raw);
        var superblock = new JournalSuperblock(raw);
        Check(superblock, length, geometry, offset);

        var blocks = new uint[superblock.MaxLength];
        for (var logical = 0u; logical < blocks.Length; logical++)
            blocks[logical] = map.Find(logical);
        var sorted = (uint[])blocks.Clone();
        Array.Sort(sorted);
        // What is in the log twice would be read as what it is not.
        for (var i = 0; i < sorted.Length; i++)
        {
            if (sorted[i] == (i == 0 ? 0 : sorted[i - 1]))
                throw ExtCorrupt.Because($"the journal, inode {number}, lacks a block, or has one twice.");
        }

        return new JournalLog(fileSystem, blocks, sorted, superblock);
    }

    /// <summary>Whether a block of the file system is one of the journal's.</summary>
    public bool Owns(uint block) => Array.BinarySearch(_sorted, block) >= 0;

    /// <summary>The blocks of the file system from one up to, not including, another that are the journal's.</summary>
    public IEnumerable<uint> BlocksFrom(uint start, uint end)
    {
        var at = Array.BinarySearch(_sorted, start);
        for (at = at < 0 ? ~at : at; at < _sorted.Length && _sorted[at] < end; at++)
            yield return _sorted[at];
    }

    /// <summary>Where a block of the journal lies, in bytes from the start of the file system.</summary>
    public long OffsetOf(uint logical) => _fileSystem.Geometry.OffsetOf(_blocks[logical]);

    /// <summary>The block so many after another; the log goes round.</summary>
    public uint Wrap(long logical) => (uint)(Superblock.First + (logical - Superblock.First) % Length);

    private static void Check(JournalSuperblock journal, long length, ExtGeometry geometry, long offset)
    {
        if (journal.Magic != JournalBlock.MagicNumber
            || journal.BlockType is not (JournalSuperblock.Version1 or JournalSuperblock.Version2))
            throw ExtCorrupt.At("journal superblock", offset, "its magic number is wrong");
        if (journal.BlockSize != geometry.BlockSize)
            throw ExtCorrupt.At("journal superblock", offset + 0x0C, $"its block size is {journal.BlockSize}");
        if (journal.First == 0 || journal.First >= journal.MaxLength || journal.MaxLength > length)
            throw ExtCorrupt.At("journal superblock", offset + 0x10,
                $"its log goes from {journal.First} to {journal.MaxLength}, its inode has {length} blocks");
        if (journal.Start != 0 && (journal.Start < journal.First || journal.Start >= journal.MaxLength))
            throw ExtCorrupt.At("journal superblock", offset + 0x1C, $"its log starts at {journal.Start}");
        if ((journal.FeatureIncompat & ~JournalSuperblock.IncompatRevoke) != 0 || journal.FeatureRoCompat != 0
            || (journal.FeatureCompat & JournalSuperblock.CompatChecksum) != 0)
            throw Unsupported("its journal has features of ext4");
        if (journal.Users > 1)
            throw Unsupported($"{journal.Users} file systems share its journal");
    }

    private static EngineException Unsupported(string why) =>
        new(ErrorIds.OverlayFeatureUnsupported, $"This file system cannot be changed in place: {why}.",
            "Use e2fsprogs (e2fsck, resize2fs), or make a new image with New-OverlayImage and copy the content over.");
}
