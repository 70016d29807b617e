using OverlayTools.Ext;

namespace OverlayTools.Overlays;

/// <summary>
/// Walks an overlay beside its base and says what is different. It holds one directory of the overlay for each level in
/// memory, and of the base none.
/// </summary>
internal sealed class DifferenceFinder(
    OverlayContent overlay, OverlayContent? lower, OverlayPath path, bool recurse, CancellationToken token)
{
    private readonly FileComparer _files = new(overlay, lower, token);

    // A damaged file system may lead back to a directory.
    private readonly HashSet<ulong> _seen = [];
    private readonly Stack<ComparedDirectory> _open = new();
    private bool _isMeant;

    /// <summary>The differences, directory by directory, in the order of their names.</summary>
    public IEnumerable<OverlayDifference> Find()
    {
        var root = new ComparedDirectory(overlay, overlay.Root, lower, lower?.Root, lower?.Root);
        Enter(root);
        if (path.IsRoot && RootDifference(root) is { } difference)
            yield return difference;
        while (_open.TryPeek(out var directory))
        {
            token.ThrowIfCancellationRequested();
            if (!directory.MoveNext())
            {
                _open.Pop();
                continue;
            }

            if (!path.Allows(_open.Count - 1, directory.Name))
                continue;
            // What is above the path that is meant is only gone through.
            _isMeant = _open.Count >= path.Depth;
            var isItself = true;
            foreach (var found in Differences(directory))
            {
                if (_isMeant || !isItself)
                    yield return found;
                isItself = false;
            }
        }
    }

    private IEnumerable<OverlayDifference> Differences(ComparedDirectory directory)
    {
        if (directory.Here is not { } here)
            return Hidden(directory, directory.Marks, directory.BaseEntry);
        var entry = overlay.Entry(directory.Entry, here);
        if (entry.IsWhiteoutDevice)
            return HiddenByDevice(directory, directory.BaseEntry);
        return entry.Type == ExtFileType.Directory
            ? Directory(directory, entry, directory.BaseEntry)
            : File(directory, entry, directory.BaseEntry);
    }

    // Where the directory hides everything, a deletion in it says the same once more, for those who cannot read the other.
    private IEnumerable<OverlayDifference> HiddenByDevice(ComparedDirectory directory, OverlayEntry? below) =>
        directory.HidingForms == OverlayMarkForms.None ? Hidden(directory, OverlayMarkForms.CharacterDevice, below)
        : below is null ? []
        : Hidden(directory, directory.HidingForms, below);

    // What the base has there cannot be seen: a mark, an opaque directory above, or another file says so.
    private IEnumerable<OverlayDifference> Hidden(ComparedDirectory directory, OverlayMarkForms marks, OverlayEntry? below)
    {
        if (below is null)
        {
            var name = new OverlayEntry { Parent = directory.Entry, Name = directory.Name, Number = 0, Type = ExtFileType.Unknown };
            var kind = lower is null ? OverlayDifferenceKind.Deleted : OverlayDifferenceKind.NoEffect;
            // The name of a directory that was renamed is another in the base.
            return lower is not null && directory.OriginHas(directory.Name) ? [] : [Difference(name, null, null) with { Change = kind, MarkForms = marks }];
        }

        var deleted = Difference(below, null, below) with { Change = OverlayDifferenceKind.Deleted, MarkForms = marks };
        return WithContent(deleted, below);
    }

    private IEnumerable<OverlayDifference> File(ComparedDirectory directory, OverlayEntry entry, OverlayEntry? below)
    {
        var attributes = overlay.Attributes(entry);
        var difference = Difference(entry, entry, below) with
        {
            IsMetadataOnly = entry.Type == ExtFileType.RegularFile && OverlayLinks.IsMetadataOnly(attributes),
            RedirectedFrom = OverlayLinks.Redirect(attributes),
        };
        if (below is null)
            return [difference with { Change = lower is null ? OverlayDifferenceKind.Present : OverlayDifferenceKind.Added }];
        if (below.Type != entry.Type)
            return WithContent(difference with { Change = OverlayDifferenceKind.TypeChanged }, below);
        var parts = _files.Compare(entry, attributes, below, difference.IsMetadataOnly ? directory.Origin(difference.RedirectedFrom, entry.Name) : null);
        return
        [
            difference with
            {
                Change = parts == OverlayDifferenceParts.None ? OverlayDifferenceKind.CopiedUp : OverlayDifferenceKind.Modified,
                Parts = parts,
            },
        ];
    }

    // What was in a directory is listed where it is asked for, be it by a path that leads there.
    private IEnumerable<OverlayDifference> WithContent(OverlayDifference difference, OverlayEntry below) =>
        below.Type == ExtFileType.Directory && (recurse || !_isMeant) ? Below(lower!, below).Prepend(difference) : [difference];

    private IEnumerable<OverlayDifference> Directory(ComparedDirectory directory, OverlayEntry entry, OverlayEntry? below)
    {
        var attributes = overlay.Attributes(entry);
        var redirect = OverlayLinks.Redirect(attributes);
        var child = new ComparedDirectory(overlay, entry, lower, below?.Type == ExtFileType.Directory ? below : null,
            redirect is null ? directory.Origin(null, entry.Name) : directory.Origin(redirect, entry.Name));
        child.Hide(OverlayMarks.OpaqueForms(attributes), redirect is not null, directory);
        Enter(child);
        var difference = Difference(entry, entry, below) with { RedirectedFrom = redirect, MarkForms = child.Forms };
        if (below is null)
        {
            var isReplaced = lower is null && child.Forms != OverlayMarkForms.None;
            return [difference with { Change = lower is not null ? OverlayDifferenceKind.Added
                : isReplaced ? OverlayDifferenceKind.Replaced : OverlayDifferenceKind.Present }];
        }

        if (below.Type != ExtFileType.Directory)
            return [difference with { Change = OverlayDifferenceKind.TypeChanged }];
        var parts = _files.Compare(entry, attributes, below, null);
        return
        [
            difference with
            {
                Parts = parts,
                Change = child.IsHiding ? OverlayDifferenceKind.Replaced
                    : parts == OverlayDifferenceParts.None ? OverlayDifferenceKind.CopiedUp : OverlayDifferenceKind.Modified,
            },
        ];
    }

    private IEnumerable<OverlayDifference> Below(OverlayContent content, OverlayEntry start)
    {
        var seen = new HashSet<ulong>();
        var pending = new Stack<IEnumerator<OverlayEntry>>();
        var above = _open.Count;
        try
        {
            pending.Push(content.List(start).GetEnumerator());
            while (pending.TryPeek(out var entries))
            {
                token.ThrowIfCancellationRequested();
                if (!entries.MoveNext())
                {
                    pending.Pop().Dispose();
                    continue;
                }

                var entry = entries.Current;
                var depth = above + pending.Count - 1;
                if (!path.Allows(depth, entry.Name))
                    continue;
                if (depth >= path.Depth - 1)
                    yield return Difference(entry, null, entry) with { Change = OverlayDifferenceKind.Deleted };
                if (entry.Type != ExtFileType.Directory || (depth >= path.Depth - 1 && !recurse))
                    continue;
                if (!seen.Add(entry.Number))
                    throw new EngineException(ErrorIds.OverlayCorrupt,
                        $"The base is damaged: '{entry.ItemPath}' is a directory that has another name.",
                        "Get the base again.", content.Path);
                pending.Push(content.List(entry).GetEnumerator());
            }
        }
        finally
        {
            foreach (var entries in pending)
                entries.Dispose();
        }
    }

    private void Enter(ComparedDirectory directory)
    {
        if (!_seen.Add(directory.Entry.Number))
            throw ExtCorrupt.Because($"'{directory.Entry.ItemPath}' is a directory that has another name.");
        directory.Load();
        _open.Push(directory);
    }

    // An upper that was just made has a time of its own, and every overlay would begin with it.
    private OverlayDifference? RootDifference(ComparedDirectory root)
    {
        if (lower is null)
            return null;
        var parts = _files.Compare(root.Entry, overlay.Attributes(root.Entry), lower.Root, null);
        return (parts & ~OverlayDifferenceParts.Time) == OverlayDifferenceParts.None
            ? null
            : Difference(root.Entry, root.Entry, lower.Root) with { Change = OverlayDifferenceKind.Modified, Parts = parts };
    }

    private OverlayDifference Difference(OverlayEntry entry, OverlayEntry? here, OverlayEntry? below) => new()
    {
        ImagePath = overlay.Path,
        Id = overlay.Id,
        BasePath = lower?.Path,
        ItemPath = entry.ItemPath,
        Name = entry.Parent is null ? "/" : OverlayEntry.Show(entry.Name),
        Change = OverlayDifferenceKind.Present,
        ItemType = OverlayItem.TypeOf(entry.Type),
        BaseItemType = below is null ? null : OverlayItem.TypeOf(below.Type),
        SizeBytes = SizeOf(here),
        BaseSizeBytes = SizeOf(below),
    };

    private static long? SizeOf(OverlayEntry? entry) => entry?.Type switch
    {
        null => null,
        ExtFileType.RegularFile or ExtFileType.SymbolicLink => entry.Size,
        _ => 0,
    };
}
