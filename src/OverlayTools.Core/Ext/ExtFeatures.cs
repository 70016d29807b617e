namespace OverlayTools.Ext;

/// <summary>Feature bits of the superblock, and the words <c>dumpe2fs</c> has for them.</summary>
public static class ExtFeatures
{
    internal const uint CompatHasJournal = 0x4;
    internal const uint CompatExtAttr = 0x8;
    internal const uint CompatResizeInode = 0x10;
    internal const uint CompatDirIndex = 0x20;
    internal const uint CompatSparseSuper2 = 0x200;

    internal const uint IncompatFileType = 0x2;
    internal const uint IncompatRecover = 0x4;
    internal const uint IncompatMetaBg = 0x10;

    internal const uint IncompatExtents = 0x40;
    internal const uint Incompat64Bit = 0x80;
    internal const uint IncompatFlexBg = 0x200;
    internal const uint IncompatEaInode = 0x400;
    internal const uint IncompatCsumSeed = 0x2000;
    internal const uint IncompatLargeDir = 0x4000;
    internal const uint IncompatInlineData = 0x8000;

    /// <summary>What ext2 and ext3 have of what a reader has to know.</summary>
    internal const uint Ext3Incompat = IncompatFileType | IncompatRecover | IncompatMetaBg;

    internal const uint RoCompatSparseSuper = 0x1;
    internal const uint RoCompatLargeFile = 0x2;
    internal const uint RoCompatBtreeDir = 0x4;
    internal const uint RoCompatBigalloc = 0x200;
    internal const uint RoCompatMetadataChecksum = 0x400;

    /// <summary>What of ext4 is understood well enough to read files.</summary>
    private const uint ReadableIncompat = Ext3Incompat | IncompatExtents | Incompat64Bit | IncompatFlexBg
        | IncompatEaInode | IncompatCsumSeed | IncompatLargeDir | IncompatInlineData;

    /// <summary>What Apptainer accepts beside an internal journal (spec: its <c>image/ext3.go</c>).</summary>
    private const uint ApptainerIncompat = IncompatFileType | IncompatRecover | IncompatMetaBg;
    private const uint ApptainerRoCompat = RoCompatSparseSuper | RoCompatLargeFile | RoCompatBtreeDir;

    private static readonly string?[] CompatNames =
    [
        "dir_prealloc", "imagic_inodes", "has_journal", "ext_attr", "resize_inode", "dir_index", "lazy_bg",
        null, "snapshot_bitmap", "sparse_super2", "fast_commit", "stable_inodes", "orphan_file",
    ];

    private static readonly string?[] IncompatNames =
    [
        "compression", "filetype", "needs_recovery", "journal_dev", "meta_bg", null, "extent", "64bit", "mmp",
        "flex_bg", "ea_inode", null, "dirdata", "metadata_csum_seed", "large_dir", "inline_data", "encrypt", "casefold",
    ];

    private static readonly string?[] RoCompatNames =
    [
        "sparse_super", "large_file", "btree_dir", "huge_file", "uninit_bg", "dir_nlink", "extra_isize", "snapshot",
        "quota", "bigalloc", "metadata_csum", "replica", "read-only", "project", "shared_blocks", "verity",
        "orphan_present",
    ];

    /// <summary>All features of a superblock, in the order that <c>dumpe2fs</c> prints them.</summary>
    internal static IReadOnlyList<string> NamesOf(uint compat, uint incompat, uint roCompat) =>
    [
        .. Names(compat, CompatNames, "FEATURE_C"),
        .. Names(incompat, IncompatNames, "FEATURE_I"),
        .. Names(roCompat, RoCompatNames, "FEATURE_R"),
    ];

    /// <summary>The features because of which Apptainer refuses the image; <c>-has_journal</c> says that this one
    /// lacks.</summary>
    internal static IReadOnlyList<string> RefusedByApptainer(uint compat, uint incompat, uint roCompat)
    {
        var refused = NamesOf(0, incompat & ~ApptainerIncompat, roCompat & ~ApptainerRoCompat);
        return (compat & CompatHasJournal) != 0 ? refused : ["-has_journal", .. refused];
    }

    /// <summary>The features that keep a file system from being read. Those that only writers have to know do not, but
    /// for clusters: they change what a block group is.</summary>
    internal static IReadOnlyList<string> Unreadable(uint incompat, uint roCompat) =>
        NamesOf(0, incompat & ~ReadableIncompat, roCompat & RoCompatBigalloc);

    /// <summary>The features that keep a file system from being changed in place.</summary>
    internal static IReadOnlyList<string> BeyondExt3(uint compat, uint incompat, uint roCompat) => NamesOf(
        compat & ~ExtResizer.ChangeableCompat, incompat & ~(IncompatFileType | IncompatRecover),
        roCompat & ~ExtResizer.ChangeableRoCompat);

    private static IEnumerable<string> Names(uint bits, string?[] names, string unknown)
    {
        for (var bit = 0; bit < 32; bit++)
        {
            if ((bits >> bit & 1) != 0)
                yield return (bit < names.Length ? names[bit] : null) ?? $"{unknown}{bit}";
        }
    }
}
