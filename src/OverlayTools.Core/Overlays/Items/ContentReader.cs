using OverlayTools.Ext;

namespace OverlayTools.Overlays;

/// <summary>Turns a file of a layer, and all that hangs below it, into a tree of <see cref="ExtNode"/>; contents are
/// opened later, so that the layer has to stay open.</summary>
internal sealed class ContentReader(
    OverlayContent content, Func<OverlayEntry, CancellationToken, IReadOnlyList<(long Start, long End)>?> dataRuns,
    CancellationToken token)
{
    private readonly Dictionary<ulong, ExtNode> _linked = [];
    private readonly HashSet<ulong> _directories = [];

    /// <summary>Reads it.</summary>
    /// <exception cref="EngineException">What the layer raises; <see cref="ErrorIds.SquashfsCorrupt"/> for a directory with
    /// two names.</exception>
    public ExtNode Read(OverlayEntry start)
    {
        var root = MakeNode(start);
        var pending = new Stack<(OverlayEntry Entry, ExtNode Node)>([(start, root)]);
        while (pending.TryPop(out var next))
        {
            if (next.Entry.Type != ExtFileType.Directory)
                continue;
            if (!_directories.Add(next.Entry.Number))
                throw Squashfs.SquashfsCorrupt.Because($"'{next.Entry.ItemPath}' is a directory that has another name.");
            foreach (var entry in content.List(next.Entry))
            {
                token.ThrowIfCancellationRequested();
                var child = next.Node.Add(entry.Name, Named(entry));
                if (entry.Type == ExtFileType.Directory)
                    pending.Push((entry, child));
            }
        }

        return root;
    }

    private ExtNode Named(OverlayEntry entry)
    {
        if (entry.Type == ExtFileType.Directory || entry.Links < 2)
            return MakeNode(entry);
        return _linked.TryGetValue(entry.Number, out var known) ? known : _linked[entry.Number] = MakeNode(entry);
    }

    private ExtNode MakeNode(OverlayEntry entry) => new(entry.Type, entry.Permissions, entry.UserId, entry.GroupId)
    {
        Modified = entry.Modified,
        Accessed = entry.Accessed,
        Attributes = content.Attributes(entry),
        Content = entry is { Type: ExtFileType.RegularFile, Size: > 0 }
            ? new ExtContent(entry.Size, () => content.OpenFile(entry), dataRuns(entry, token))
            : ExtContent.Empty,
        Target = entry.Type == ExtFileType.SymbolicLink ? content.Target(entry) : default(ReadOnlyMemory<byte>),
        DeviceMajor = entry.Device?.Major ?? 0,
        DeviceMinor = entry.Device?.Minor ?? 0,
    };
}
