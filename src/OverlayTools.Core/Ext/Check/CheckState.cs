using OverlayTools.IO;

namespace OverlayTools.Ext.Check;

/// <summary>What the parts of a check share: the file system, what they found, and what they know of each block and
/// inode.</summary>
internal sealed class CheckState(
    ExtFileSystem fileSystem, IProgress<EngineProgress>? progress, CancellationToken cancellation)
{
    private const int MostFindings = 1000;

    private readonly List<ExtFinding> _findings = [];

    public ExtFileSystem FileSystem { get; } = fileSystem;

    public ExtGeometry Geometry => FileSystem.Geometry;

    public ExtSuperblock Superblock => FileSystem.Superblock;

    public Window Window => FileSystem.Window;

    public BlockClaims Claims { get; } = new(fileSystem.Geometry);

    public InodeCensus Inodes { get; } = new(fileSystem.Geometry);

    public IReadOnlyList<ExtFinding> Findings => _findings;

    public int ErrorCount { get; private set; }

    public int WarningCount { get; private set; }

    /// <summary>Regular files and directories that need the feature <c>large_file</c>.</summary>
    public int LargeFiles { get; set; }

    public void Error(ExtFindingId id, string message, uint? inode = null, uint? block = null, uint? group = null)
    {
        ErrorCount++;
        Add(new ExtFinding(id, ExtFindingSeverity.Error, message, inode, block, group));
    }

    public void Warn(ExtFindingId id, string message, uint? inode = null, uint? block = null, uint? group = null)
    {
        WarningCount++;
        Add(new ExtFinding(id, ExtFindingSeverity.Warning, message, inode, block, group));
    }

    public bool Has(uint compat, uint roCompat = 0) =>
        (Superblock.FeatureCompat & compat) == compat && (Superblock.FeatureRoCompat & roCompat) == roCompat;

    public bool IsInside(uint block) => block >= Geometry.FirstDataBlock && block < Geometry.BlocksCount;

    /// <summary>Whether a block is one of superblock copies, descriptors, bitmaps and inode tables.</summary>
    public bool IsMetadata(uint block)
    {
        var group = Geometry.GroupOf(block);
        if (block < Geometry.FirstBlock(group) + Geometry.SuperblockBlocks(group))
            return true;
        Span<byte> buffer = stackalloc byte[GroupDescriptor.Size];
        var descriptor = FileSystem.ReadGroup(group, buffer);
        return block == descriptor.BlockBitmap || block == descriptor.InodeBitmap
            || (block >= descriptor.InodeTable && block - descriptor.InodeTable < Geometry.InodeTableBlocks);
    }

    public void ReadBlock(uint block, Span<byte> buffer) => Window.Read(Geometry.OffsetOf(block), buffer);

    public void ThrowIfCancelled() => cancellation.ThrowIfCancellationRequested();

    public void Report(string activity, long done, long total, string unit)
    {
        ThrowIfCancelled();
        progress?.Report(new EngineProgress(activity, done, total, unit));
    }

    private void Add(ExtFinding finding)
    {
        if (_findings.Count < MostFindings)
            _findings.Add(finding);
    }
}
