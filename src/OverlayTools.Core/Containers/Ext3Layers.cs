using OverlayTools.Ext;
using OverlayTools.Ext.Check;
using OverlayTools.IO;
using OverlayTools.Overlays;

namespace OverlayTools.Containers;

/// <summary>
/// Looks into an ext3 overlay before anything is mounted: what would fail later fails now, with a reason. What a mount
/// would do to an image that was not unmounted cleanly is done here, by our own engine: in the image when it is to be
/// written, and else in a private copy. What an ordinary user deleted is made readable for the driver that comes next.
/// </summary>
internal static class Ext3Layers
{
    private const string Upper = "/upper";
    private const string Work = "/work";

    // Where blocks cannot be shared, more than this is not copied to see marks that a few programs leave.
    private const long MostCopiedForMarks = 256L << 20;

    /// <summary>Prepares the image, and completes the layer with what the file system says about itself.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="file">The open image; locked.</param>
    /// <param name="set">Takes files that are opened, and what the user should know.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayNotExt3"/>, <see cref="ErrorIds.OverlayCorrupt"/>,
    /// <see cref="ErrorIds.OverlayDirtyJournal"/> or <see cref="ErrorIds.OverlayMissingUpper"/>.</exception>
    public static LayerSource Prepare(LayerSource layer, OpenImage file, ImageSet set)
    {
        var superblock = ExtFileSystem.Open(Window(layer, file)).Superblock;
        RefuseErrors(superblock, layer.Path);
        if (set.OnlyLooks)
            return Look(layer, file, set);
        if (superblock.NeedsRecovery || superblock.LastOrphan != 0)
            layer = layer.ReadOnly ? RecoverCopy(layer, ref file, set) : Recover(layer, file, set);
        else if (!superblock.IsValid)
            Check(layer, file, set);
        if (superblock.UnsupportedByApptainer is { Count: > 0 } features)
            set.Warnings.Add($"Apptainer refuses the overlay '{layer.Path}': it has the features {string.Join(", ", features)}.");

        layer = SettleMarks(layer, file, set);
        const MarkReaders plain = MarkReaders.User | MarkReaders.NoWhiteouts;
        var isPlain = (MarkStamp.Read(ExtSuperblock.Read(Window(layer, file))) & plain) == plain;
        return Describe(layer with { HasNoWhiteouts = isPlain }, file, set);
    }

    // As it would be after the replay, and with the directories that would be made.
    private static LayerSource Look(LayerSource layer, OpenImage file, ImageSet set)
    {
        var window = Window(layer, file);
        var fileSystem = ImageContent.AfterReplay(ExtFileSystem.Open(window), window, isWritten: false, set.Token);
        if (fileSystem.Find(Upper) is not { } upper)
            return layer with { HasUpper = !layer.ReadOnly };
        var inode = fileSystem.ReadInode(upper);
        return layer with { HasUpper = true, UpperOwner = (inode.UserId, inode.GroupId) };
    }

    private static Window Window(LayerSource layer, OpenImage file) => new FileWindow(file.Handle, layer.Offset, layer.Length);

    private static void RefuseErrors(ExtSuperblock superblock, string path)
    {
        if (superblock.HasErrors)
            throw new EngineException(ErrorIds.OverlayCorrupt, $"The overlay '{path}' recorded errors in its file system.",
                $"Run: Repair-OverlayImage {Quote(path)}", path);
    }

    private static LayerSource Recover(LayerSource layer, OpenImage file, ImageSet set)
    {
        var window = Window(layer, file);
        _ = ExtRecovery.Run(window, set.Progress, set.Token);
        RefuseErrors(ExtSuperblock.Read(window), layer.Path);
        return layer;
    }

    private static LayerSource RecoverCopy(LayerSource layer, ref OpenImage file, ImageSet set)
    {
        if (TryCopy(layer, file, set, long.MaxValue) is not { } copy)
            throw new EngineException(ErrorIds.OverlayDirtyJournal,
                $"The overlay '{layer.Path}' was not unmounted cleanly. Its journal cannot be replayed read-only, and there is "
                + "no room for a copy of it.",
                $"Run: Repair-OverlayImage {Quote(layer.Path)}, use it once writable, without ':ro', "
                + "or set TMPDIR to a directory with room.", layer.Path);
        set.Warnings.Add($"The overlay '{layer.Path}' was not unmounted cleanly; a private copy of it is read, in which its "
            + $"journal was replayed. To mend the image itself, run: Repair-OverlayImage {Quote(layer.Path)}");
        (layer, file) = copy;
        return Recover(layer, file, set);
    }

    private static (LayerSource Layer, OpenImage File)? TryCopy(LayerSource layer, OpenImage file, ImageSet set, long mostBytes)
    {
        if (PrivateImage.TryMake(file.Handle, layer.Path, layer.Offset, layer.Length, mostBytes, set.Progress, set.Token) is not { } copy)
            return null;
        var added = set.Add(copy, layer.Path);
        return (layer with { File = added.Index, Offset = 0 }, added);
    }

    // No journal tells what was being done: fuse2fs was killed, which keeps none. A check tells whether it matters.
    private static void Check(LayerSource layer, OpenImage file, ImageSet set)
    {
        if (layer.ReadOnly)
        {
            set.Warnings.Add($"The overlay '{layer.Path}' was not unmounted cleanly; check it with Test-OverlayImage when it is not in use.");
            return;
        }

        var window = Window(layer, file);
        _ = ExtChecker.RepairCounts(window, set.Progress, set.Token);
        if (!ExtChecker.Check(window, set.Progress, set.Token).IsSound)
            throw new EngineException(ErrorIds.OverlayCorrupt,
                $"The overlay '{layer.Path}' was not unmounted cleanly, and its file system contradicts itself.",
                $"Run: Repair-OverlayImage {Quote(layer.Path)} -Full", layer.Path);
    }

    private static LayerSource SettleMarks(LayerSource layer, OpenImage file, ImageSet set)
    {
        var asRoot = set.MountsAsRoot;
        var window = Window(layer, file);
        var known = MarkStamp.Read(ExtSuperblock.Read(window));
        // An ordinary user's driver reads all but what root's kernel wrote, which our own stamp tells of.
        if (known.HasFlag(asRoot ? MarkReaders.Root : MarkReaders.User) || (!asRoot && known == MarkReaders.None))
            return layer;
        var hidden = ForeignMarks.Find(ExtFileSystem.Open(window), set.Token)
            .Count(marks => asRoot ? marks.HiddenFromRoot : marks.HiddenFromUser);
        if (hidden == 0)
        {
            if (!layer.ReadOnly)
                MarkStamp.Write(window, known | (asRoot ? MarkReaders.Root : MarkReaders.User));
            return layer;
        }

        if (!layer.ReadOnly)
        {
            Rewrite(layer, file, set);
            return layer;
        }

        // Nothing of it may change. fuse-overlayfs reads all marks when root runs it.
        if (asRoot && HelperProgram.FuseOverlayfs.Find() is not null)
            return layer with { HasForeignMarks = true };
        if (TryCopy(layer, file, set, asRoot ? long.MaxValue : MostCopiedForMarks) is { } copy)
        {
            Rewrite(copy.Layer, copy.File, set);
            return copy.Layer;
        }

        set.Warnings.Add($"{hidden} directories of the overlay '{layer.Path}' show what was deleted in them: the marks were made by "
            + $"another driver. Use it once writable, without ':ro'{(asRoot ? ", or install fuse-overlayfs" : "")}.");
        return layer;
    }

    private static void Rewrite(LayerSource layer, OpenImage file, ImageSet set)
    {
        try
        {
            if (MarkRewriter.Run(Window(layer, file), set.Progress, set.Token).Left is > 0 and var left)
                set.Warnings.Add($"The overlay '{layer.Path}' is full: {left} marks of deletions could not be rewritten, and what "
                    + "was deleted may show.");
        }
        catch (EngineException error) when (error.ErrorId is ErrorIds.OverlayFeatureUnsupported or ErrorIds.OverlayDirtyJournal)
        {
            set.Warnings.Add($"Marks of deletions in the overlay '{layer.Path}' could not be rewritten, and what was deleted may "
                + $"show: {error.Message}");
        }
    }

    private static LayerSource Describe(LayerSource layer, OpenImage file, ImageSet set)
    {
        var fileSystem = ExtFileSystem.Open(Window(layer, file));
        if (fileSystem.Find(Upper) is { } upper)
        {
            var inode = fileSystem.ReadInode(upper);
            var owner = new OverlayOwner(inode.UserId, inode.GroupId);
            if (!layer.ReadOnly && fileSystem.Find(Work) is null)
                TryMake(layer, file, set, Work, owner);
            if (!layer.ReadOnly)
                RefuseFull(fileSystem, layer.Path);
            return layer with { HasUpper = true, UpperOwner = (inode.UserId, inode.GroupId) };
        }

        // As an overlay was before it had these two directories: all of it is the layer.
        var isFlat = fileSystem.ReadDirectory(ExtEditor.Root)
            .Any(entry => entry.Name.ToString() is not ("lost+found" or "work"));
        if (!layer.ReadOnly)
        {
            if (isFlat)
                set.Warnings.Add($"The overlay '{layer.Path}' has no directory 'upper', and gets one: what lies beside it does not show "
                    + "any more.");
            foreach (var path in new[] { Upper, Work }.Where(path => fileSystem.Find(path) is null))
                TryMake(layer, file, set, path, set.Owner);
            return layer with { HasUpper = true };
        }

        return isFlat ? layer : throw new EngineException(ErrorIds.OverlayMissingUpper,
            $"The overlay '{layer.Path}' has no directory 'upper'.",
            "An overlay image has 'upper' and 'work' at its root; New-OverlayImage makes one.", layer.Path);
    }

    // The stacking driver makes a directory in 'work' before anything else.
    private static void RefuseFull(ExtFileSystem fileSystem, string path)
    {
        if (fileSystem.Superblock is not ({ FreeBlocksCount: 0 } or { FreeInodesCount: 0 }) || fileSystem.Find(Work + Work) is not null)
            return;
        throw new EngineException(ErrorIds.OverlayFull, $"The overlay '{path}' is full: there is no room even to begin with.",
            $"Run: Resize-OverlayImage {Quote(path)} -GrowBy 100MB, remove something with Remove-OverlayItem, or open it read-only "
            + "with ':ro'.", path);
    }

    // Here rather than in the mounted file system: its root belongs to root, of whom an ordinary user's namespace knows
    // nothing. Where it cannot be done, the mount has another try.
    private static void TryMake(LayerSource layer, OpenImage file, ImageSet set, string path, OverlayOwner owner)
    {
        try
        {
            using var editor = ExtEditor.OpenRecovered(Window(layer, file), null, set.Token);
            editor.MakeDirectories(path, 0b111_101_101, owner.UserId, owner.GroupId);
            editor.Commit();
        }
        catch (EngineException error) when (error.ErrorId is ErrorIds.OverlayFeatureUnsupported or ErrorIds.OverlayFull
            or ErrorIds.OverlayDirtyJournal)
        {
            // Said by the mount.
        }
    }

    private static string Quote(string path) => $"'{path.Replace("'", "''", StringComparison.Ordinal)}'";
}
