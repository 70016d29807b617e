using OverlayTools.Ext.Check;
using OverlayTools.Ext.Shrink;
using OverlayTools.IO;

namespace OverlayTools.Ext;

/// <summary>Makes an ext3 file system smaller in place.</summary>
public static class ExtShrinker
{
    /// <summary>The fewest bytes that everything in the file system fits into, as its counts say; at most what it has.
    /// A journal that has to be replayed is taken as replayed.</summary>
    /// <exception cref="EngineException">As <see cref="ExtFileSystem.Open"/>.</exception>
    public static long MinimumSize(Window window, CancellationToken cancellation = default)
    {
        var view = JournalReplay.Find(window, cancellation)?.View ?? window;
        return Limits(ExtFileSystem.Open(view)).LeastBytes();
    }

    /// <summary>
    /// Makes a sound file system smaller: moves what lies beyond the new end, file by file, and then cuts it off. Each
    /// step is a transaction of the image's own journal, or the write of one sector: after a crash the file system has
    /// the old size or the new one, with all its files.
    /// </summary>
    /// <param name="window">The image; it is cut where it can be.</param>
    /// <param name="newSizeBytes">Bytes that the image shall have. A last group that would be too small is left
    /// out.</param>
    /// <param name="progress">Told about groups, blocks and inodes.</param>
    /// <param name="cancellation">Stops the work; the file system has its old size then.</param>
    /// <returns>The sizes of the file system before and after.</returns>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayNotExt3"/>, <see cref="ErrorIds.OverlayCorrupt"/>,
    /// <see cref="ErrorIds.OverlayFeatureUnsupported"/>, <see cref="ErrorIds.OverlayDirtyJournal"/>,
    /// <see cref="ErrorIds.OverlayBelowMinimumSize"/>; all before anything is written, save for a file with more names
    /// than the journal holds blocks.</exception>
    /// <exception cref="OperationCanceledException">The token asked for it.</exception>
    public static ExtGrowth Shrink(
        Window window, long newSizeBytes,
        IProgress<EngineProgress>? progress = null, CancellationToken cancellation = default)
    {
        cancellation.ThrowIfCancellationRequested();
        var fileSystem = ExtFileSystem.Open(window);
        var old = fileSystem.Geometry;
        RequireShrinkable(fileSystem);
        var limits = Limits(fileSystem);
        if (newSizeBytes < limits.LeastBytes())
            throw BelowMinimum(newSizeBytes, limits.LeastBytes());
        var target = limits.Target(newSizeBytes);
        if (target.BlocksCount < old.BlocksCount)
        {
            RequireSound(window, progress, cancellation);
            Run(new ShrinkState(fileSystem, target), progress, cancellation);
        }

        return new ExtGrowth(old.SizeBytes, target.SizeBytes);
    }

    private static ShrinkLimits Limits(ExtFileSystem fileSystem)
    {
        var superblock = fileSystem.Superblock;
        var journal = (superblock.FeatureCompat & ExtFeatures.CompatHasJournal) != 0 && superblock.JournalInode != 0
            ? fileSystem.ReadInode(superblock.JournalInode).Size / fileSystem.Geometry.BlockSize
            : 0;
        return new ShrinkLimits(fileSystem.Geometry, ShrinkState.ReadTable(fileSystem), journal,
            (superblock.FeatureCompat & ExtFeatures.CompatResizeInode) != 0);
    }

    private static void RequireShrinkable(ExtFileSystem fileSystem)
    {
        ExtResizer.RequireChangeable(fileSystem.Superblock);
        _ = JournalTransaction.Open(fileSystem);
        if (fileSystem.Superblock.JournalInode != ExtInode.Journal)
            throw Unsupported($"its journal is a file, inode {fileSystem.Superblock.JournalInode}");
        if (fileSystem.ReadInode(ExtInode.BadBlocks).Sectors != 0)
            throw Unsupported("it has a list of bad blocks");
    }

    /// <summary>Refuses a file system that contradicts itself.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    internal static void RequireSound(
        Window window, IProgress<EngineProgress>? progress, CancellationToken cancellation)
    {
        var check = ExtChecker.Check(window, progress, cancellation);
        if (!check.IsSound)
            throw ExtCorrupt.Because($"a check found {check.ErrorCount} error(s), the first: "
                + check.Findings.First(finding => finding.Severity == ExtFindingSeverity.Error).Message);
    }

    private static void Run(ShrinkState state, IProgress<EngineProgress>? progress, CancellationToken cancellation)
    {
        new BlockMover(state, progress, cancellation).Run();
        new InodeMover(state, progress, cancellation).Run();
        new JournalMover(state, progress).Run();
        cancellation.ThrowIfCancellationRequested();
        new EndCutter(state).Run();
    }

    private static EngineException BelowMinimum(long asked, long least) =>
        new(ErrorIds.OverlayBelowMinimumSize,
            $"{ByteSize.Format(asked)} are too few for what is in the file system: "
                + $"it needs {least} bytes ({ByteSize.Format(least)}).",
            $"Ask for {least} bytes or more, or for -ToMinimumSize.");

    private static EngineException Unsupported(string why) =>
        new(ErrorIds.OverlayFeatureUnsupported, $"This file system cannot be made smaller in place: {why}.",
            "Use resize2fs, or make a new image with New-OverlayImage and copy the content over.");
}
