using System.Text;
using OverlayTools.Ext;

namespace OverlayTools.Overlays;

/// <summary>What a layer says of one of its files, before anything is made of it.</summary>
internal sealed record OverlayEntry
{
    /// <summary>The directory that it was found in; null for <c>upper</c> itself.</summary>
    public OverlayEntry? Parent { get; init; }

    /// <summary>Its name there.</summary>
    public ExtName Name { get; init; }

    /// <summary>What tells it from the other files of the overlay: its inode.</summary>
    public required ulong Number { get; init; }

    public required ExtFileType Type { get; init; }

    public uint Permissions { get; init; }

    public uint UserId { get; init; }

    public uint GroupId { get; init; }

    public long Size { get; init; }

    public uint Links { get; init; }

    public ExtTime Modified { get; init; }

    public ExtTime Accessed { get; init; }

    public ExtTime Changed { get; init; }

    public (uint Major, uint Minor)? Device { get; init; }

    /// <summary>What the content that it is of needs to find it again, where the number does not say.</summary>
    public object? Source { get; init; }

    /// <summary>The path below <c>upper</c>, byte for byte, without a slash at its start; empty for <c>upper</c>.</summary>
    public byte[] RawPath
    {
        get
        {
            var path = new List<byte>();
            foreach (var entry in FromTop())
            {
                if (path.Count > 0)
                    path.Add((byte)'/');
                path.AddRange(entry.Name.Bytes);
            }

            return [.. path];
        }
    }

    /// <summary>The path as in the container, as it is shown and typed.</summary>
    public string ItemPath
    {
        get
        {
            if (Parent is null)
                return "/";
            var path = new StringBuilder();
            foreach (var entry in FromTop())
                path.Append('/').Append(Show(entry.Name));
            return path.ToString();
        }
    }

    /// <summary>Whether the kernel takes it for a deletion.</summary>
    public bool IsWhiteoutDevice => Type == ExtFileType.CharacterDevice && Device is (0, 0);

    /// <summary>A name as it is shown and typed: what is text stands for itself, unless it would steer a
    /// terminal.</summary>
    public static string Show(ExtName name) => PrintableText.Show(name.Bytes);

    // A hostile file system may go as deep as it has blocks: no recursion.
    private IEnumerable<OverlayEntry> FromTop()
    {
        var entries = new Stack<OverlayEntry>();
        for (var entry = this; entry.Parent is not null; entry = entry.Parent)
            entries.Push(entry);
        return entries;
    }
}
