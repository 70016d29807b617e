using OverlayTools.Ext;
using OverlayTools.IO;

namespace OverlayTools.Overlays;

/// <summary>The content of a file system and the identity that it has, to make it anew with another number of
/// inodes.</summary>
internal sealed class OverlayRebuild
{
    private readonly ExtNode _tree;
    private readonly ExtFormatOptions _options;
    private readonly double _reservedShare;

    private OverlayRebuild(ExtNode tree, ExtFormatOptions options, double reservedShare) =>
        (_tree, _options, _reservedShare) = (tree, options, reservedShare);

    /// <summary>Reads the tree; the content of files is read when it is written.</summary>
    /// <param name="window">A file system whose journal was replayed.</param>
    /// <param name="inodeCount">Inodes of the new one.</param>
    /// <param name="progress">Told of the check.</param>
    /// <param name="token">Stops the work.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayCorrupt"/> when it is not sound,
    /// <see cref="ErrorIds.OverlayFeatureUnsupported"/>.</exception>
    public static OverlayRebuild Prepare(
        Window window, long inodeCount, IProgress<EngineProgress>? progress, CancellationToken token)
    {
        var fileSystem = ExtFileSystem.Open(window);
        var superblock = fileSystem.Superblock;
        // As for every other size: the new one would have no trace of them.
        if (superblock.HasErrors)
            throw ExtCorrupt.Because($"it recorded {Math.Max(1, superblock.ErrorCount)} error(s).");
        ExtShrinker.RequireSound(window, progress, token);
        var options = new ExtFormatOptions
        {
            Uuid = superblock.Uuid,
            HashSeed = superblock.HashSeed,
            Label = superblock.Label,
            BlockSize = superblock.BlockSize is 1024 or 2048 or 4096 ? superblock.BlockSize : null,
            InodeCount = inodeCount,
            ReservedBlocks = superblock.ReservedBlocksCount,
        };
        return new OverlayRebuild(ExtTreeReader.Read(fileSystem, "/", token), options,
            (double)superblock.ReservedBlocksCount / superblock.BlocksCount);
    }

    /// <summary>Writes the new file system.</summary>
    /// <param name="target">Reads as zeros.</param>
    /// <param name="progress">Told of what is written.</param>
    /// <param name="token">Stops the work.</param>
    public void Write(Window target, IProgress<EngineProgress>? progress, CancellationToken token)
    {
        var blocks = _options.PlanGeometry(target.Length).BlocksCount;
        // As resizing does: a share stays a share, a number somebody chose stays that number.
        var reserved = _reservedShare >= 0.01
            ? (uint)(_reservedShare * blocks)
            : Math.Min(_options.ReservedBlocks, blocks / 2);
        ExtFormatter.Format(target, _options with { ReservedBlocks = reserved }, _tree, progress, token);
        target.Flush();
    }
}
