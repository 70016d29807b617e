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

    /// <summary>The path below <c>upper</c>, byte for byte, without a slash at its start; empty for <c>upper</c>.</summary>
    public byte[] RawPath => Parent switch
    {
        null => [],
        { Parent: null } => Name.Bytes.ToArray(),
        _ => [.. Parent.RawPath, (byte)'/', .. Name.Bytes],
    };

    /// <summary>The path as in the container, as it is shown and typed.</summary>
    public string ItemPath => Parent switch
    {
        null => "/",
        { Parent: null } => "/" + Show(Name),
        _ => Parent.ItemPath + "/" + Show(Name),
    };

    /// <summary>Whether the kernel takes it for a deletion.</summary>
    public bool IsWhiteoutDevice => Type == ExtFileType.CharacterDevice && Device is (0, 0);

    /// <summary>A name as it is shown and typed: what is text stands for itself, unless it would steer a
    /// terminal.</summary>
    public static string Show(ExtName name) => PrintableText.Show(name.Bytes);
}
