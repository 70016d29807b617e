using OverlayTools.Ext;

namespace OverlayTools.Overlays;

/// <summary>Compares a file of an overlay with the base's of the same kind.</summary>
internal sealed class FileComparer(OverlayContent overlay, OverlayContent? lower, CancellationToken token)
{
    private const int BufferSize = 128 * 1024;

    private readonly byte[] _ours = new byte[BufferSize];
    private readonly byte[] _theirs = new byte[BufferSize];
    private readonly OwnerMap _owners = OwnerMap.Of(overlay, lower);

    /// <summary>What about a file is another.</summary>
    /// <param name="here">The overlay's.</param>
    /// <param name="attributes">Its attributes.</param>
    /// <param name="below">The base's.</param>
    /// <param name="content">The base's file that has its content, where that is not the overlay's.</param>
    public OverlayDifferenceParts Compare(
        OverlayEntry here, IReadOnlyDictionary<string, byte[]> attributes, OverlayEntry below, OverlayEntry? content)
    {
        var parts = OverlayDifferenceParts.None;
        if (!IsSameContent(here, below, content))
            parts |= OverlayDifferenceParts.Content;
        // A link's permissions mean nothing.
        if (here.Permissions != below.Permissions && here.Type != ExtFileType.SymbolicLink)
            parts |= OverlayDifferenceParts.Mode;
        if (!_owners.IsSame(here, below))
            parts |= OverlayDifferenceParts.Owner;
        if (!IsSameTime(here.Modified, below.Modified))
            parts |= OverlayDifferenceParts.Time;
        if (!IsSame(attributes, lower!.Attributes(below)))
            parts |= OverlayDifferenceParts.Attributes;
        return parts;
    }

    private bool IsSameContent(OverlayEntry here, OverlayEntry below, OverlayEntry? content)
    {
        switch (here.Type)
        {
            case ExtFileType.RegularFile when content is not null:
                return content.Number == below.Number || (content is { Type: ExtFileType.RegularFile } && content.Size == below.Size
                    && IsSame(lower!.OpenFile(content), lower.OpenFile(below)));
            case ExtFileType.RegularFile:
                return here.Size == below.Size && (here.Size == 0 || IsSame(overlay.OpenFile(here), lower!.OpenFile(below)));
            case ExtFileType.SymbolicLink:
                return overlay.Target(here).AsSpan().SequenceEqual(lower!.Target(below));
            case ExtFileType.CharacterDevice or ExtFileType.BlockDevice:
                return here.Device == below.Device;
            default:
                return true;
        }
    }

    private bool IsSame(Stream ours, Stream theirs)
    {
        using (ours)
        using (theirs)
        {
            while (true)
            {
                token.ThrowIfCancellationRequested();
                var count = ours.ReadAtLeast(_ours, BufferSize, throwOnEndOfStream: false);
                if (theirs.ReadAtLeast(_theirs, BufferSize, throwOnEndOfStream: false) != count
                    || !_ours.AsSpan(0, count).SequenceEqual(_theirs.AsSpan(0, count)))
                    return false;
                if (count < BufferSize)
                    return true;
            }
        }
    }

    // Squashfs, and inodes of 128 bytes, keep no parts of seconds.
    private static bool IsSameTime(ExtTime here, ExtTime below) =>
        here.Seconds == below.Seconds
        && (here.Nanoseconds == below.Nanoseconds || here.Nanoseconds == 0 || below.Nanoseconds == 0);

    private static bool IsSame(IReadOnlyDictionary<string, byte[]> here, IReadOnlyDictionary<string, byte[]> below)
    {
        if (here.Count == 0 && below.Count == 0)
            return true;
        var ours = here.Where(pair => !OverlayLinks.IsOwn(pair.Key)).ToList();
        return ours.Count == below.Count(pair => !OverlayLinks.IsOwn(pair.Key))
            && ours.TrueForAll(pair => below.TryGetValue(pair.Key, out var value) && value.AsSpan().SequenceEqual(pair.Value));
    }
}
