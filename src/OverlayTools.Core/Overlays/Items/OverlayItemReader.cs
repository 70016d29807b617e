using System.Globalization;
using OverlayTools.Ext;

namespace OverlayTools.Overlays;

/// <summary>Lists what is in an overlay, without mounting or changing it.</summary>
public static class OverlayItemReader
{
    /// <summary>Finds items one after the other.</summary>
    /// <param name="query">Where and what.</param>
    /// <param name="warn">Told when somebody writes the overlay meanwhile, so that what is shown may be old.</param>
    /// <param name="token">Stops the work.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFileNotFound"/>,
    /// <see cref="ErrorIds.OverlayItemNotFound"/>, <see cref="ErrorIds.OverlayNotExt3"/>,
    /// <see cref="ErrorIds.OverlayMissingUpper"/>, <see cref="ErrorIds.OverlayFeatureUnsupported"/>,
    /// <see cref="ErrorIds.OverlayCorrupt"/>, <see cref="ErrorIds.InvalidDirectoryName"/>,
    /// <see cref="ErrorIds.OptionConflict"/>, <see cref="ErrorIds.SifDescriptorNotFound"/>.</exception>
    public static IEnumerable<OverlayItem> Read(
        OverlayItemQuery query, Action<string>? warn = null, CancellationToken token = default)
    {
        var path = new OverlayPath(query.ItemPath, query.Pattern);
        foreach (var content in OverlayContent.Open(query.Path, query.Id, warn ?? (_ => { }), token))
        {
            using (content)
            {
                foreach (var found in path.Resolve(content, token))
                {
                    foreach (var item in Below(content, found, query, token))
                        yield return item;
                }
            }
        }
    }

    /// <summary>Describes one entry.</summary>
    internal static OverlayItem Describe(OverlayContent content, OverlayEntry entry)
    {
        var attributes = content.Attributes(entry);
        var (meaning, forms, hidden) = OverlayMarks.Of(content, entry, attributes);
        return new OverlayItem
        {
            ImagePath = content.Path,
            Id = content.Id,
            ItemPath = entry.ItemPath,
            Name = entry.Parent is null ? "/" : OverlayEntry.Show(entry.Name),
            ItemType = OverlayItem.TypeOf(entry.Type),
            Meaning = meaning,
            MarkForms = forms,
            HiddenPath = meaning switch
            {
                OverlayItemMeaning.Whiteout when hidden is { } name => (entry with { Name = name }).ItemPath,
                OverlayItemMeaning.OpaqueMark => entry.Parent!.ItemPath,
                OverlayItemMeaning.OpaqueDirectory => entry.ItemPath,
                _ => null,
            },
            Mode = (UnixFileMode)entry.Permissions,
            OwnerUserId = entry.UserId,
            OwnerGroupId = entry.GroupId,
            SizeBytes = entry.Type is ExtFileType.RegularFile or ExtFileType.SymbolicLink ? entry.Size : 0,
            LinkCount = entry.Links,
            Modified = Moment(entry.Modified),
            Accessed = Moment(entry.Accessed),
            Changed = Moment(entry.Changed),
            LinkTarget = entry.Type == ExtFileType.SymbolicLink ? PrintableText.Show(content.Target(entry)) : null,
            Device = entry.Device is { } device
                ? string.Create(CultureInfo.InvariantCulture, $"{device.Major}:{device.Minor}")
                : null,
            Attributes = [.. attributes.Keys.Order(StringComparer.Ordinal)],
        };
    }

    private static IEnumerable<OverlayItem> Below(
        OverlayContent content, OverlayEntry start, OverlayItemQuery query, CancellationToken token)
    {
        // A damaged file system may lead back to a directory.
        var seen = new HashSet<ulong>();
        var pending = new Stack<(OverlayEntry Entry, int Level)>([(start, 0)]);
        while (pending.TryPop(out var next))
        {
            token.ThrowIfCancellationRequested();
            // Of the overlay itself, what is in it is meant.
            if (next.Entry.Parent is not null)
                yield return Describe(content, next.Entry);
            var levels = query.Depth ?? (next.Entry.Parent is null && next.Level == 0 && !query.Recurse ? 1 : query.Recurse ? int.MaxValue : 0);
            if (next.Entry.Type != ExtFileType.Directory || next.Level >= levels)
                continue;
            if (!seen.Add(next.Entry.Number))
                throw ExtCorrupt.Because($"'{next.Entry.ItemPath}' is a directory that has another name.");
            foreach (var child in content.List(next.Entry).Reverse())
                pending.Push((child, next.Level + 1));
        }
    }

    private static DateTimeOffset Moment(ExtTime time) =>
        new ExtTime(Math.Clamp(time.Seconds, -62_135_596_800, 253_402_300_799), Math.Min(time.Nanoseconds, 999_999_999)).ToDateTimeOffset();
}
