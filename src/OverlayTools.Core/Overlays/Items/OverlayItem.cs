using OverlayTools.Ext;

namespace OverlayTools.Overlays;

/// <summary>Kinds of file in an overlay.</summary>
public enum OverlayItemType
{
    /// <summary>A regular file.</summary>
    File,

    /// <summary>A directory.</summary>
    Directory,

    /// <summary>A symbolic link.</summary>
    Link,

    /// <summary>A character device.</summary>
    CharacterDevice,

    /// <summary>A block device.</summary>
    BlockDevice,

    /// <summary>A named pipe.</summary>
    Pipe,

    /// <summary>A socket.</summary>
    Socket,
}

/// <summary>What an item of an overlay does to the layers below.</summary>
public enum OverlayItemMeaning
{
    /// <summary>It is there itself, in place of what the base has under the name.</summary>
    File,

    /// <summary>A directory that shows what is in it and what is in the base's.</summary>
    Directory,

    /// <summary>A directory that hides the base's.</summary>
    OpaqueDirectory,

    /// <summary>It hides what the base has under a name: that was deleted.</summary>
    Whiteout,

    /// <summary>It makes the directory that it is in opaque.</summary>
    OpaqueMark,
}

/// <summary>In which form an item says that it hides something: who reads it as that depends on the form.</summary>
[Flags]
public enum OverlayMarkForms
{
    /// <summary>It does not.</summary>
    None = 0,

    /// <summary>A character device 0:0, which the kernel and fuse-overlayfs obey.</summary>
    CharacterDevice = 1,

    /// <summary>The attribute <c>trusted.overlay.opaque</c>, which the kernel obeys when root mounted it.</summary>
    TrustedAttribute = 2,

    /// <summary>The attribute <c>user.overlay.opaque</c>, which the kernel obeys with <c>userxattr</c>.</summary>
    UserAttribute = 4,

    /// <summary>The attribute <c>user.fuseoverlayfs.opaque</c>, which only fuse-overlayfs obeys.</summary>
    FuseAttribute = 8,

    /// <summary>A file whose name starts with <c>.wh.</c>, which only fuse-overlayfs obeys.</summary>
    NamedFile = 16,
}

/// <summary>A file, directory or whatever else is in an overlay.</summary>
public sealed record OverlayItem
{
    /// <summary>The image, or the directory that the overlay is.</summary>
    public required string ImagePath { get; init; }

    /// <summary>The partition's id in a SIF image; null for an overlay of its own.</summary>
    public uint? Id { get; init; }

    /// <summary>Its path as it is seen in the container, for example <c>/etc/hosts</c>. Bytes of a name that are not
    /// text are shown as <c>\xNN</c>.</summary>
    public required string ItemPath { get; init; }

    /// <summary>The last part of the path.</summary>
    public required string Name { get; init; }

    /// <summary>The kind of file.</summary>
    public OverlayItemType ItemType { get; init; }

    /// <summary>What it does to the layers below.</summary>
    public OverlayItemMeaning Meaning { get; init; }

    /// <summary>In which form it hides something.</summary>
    public OverlayMarkForms MarkForms { get; init; }

    /// <summary>What of the base it hides; null when nothing.</summary>
    public string? HiddenPath { get; init; }

    /// <summary>Permission bits, set-id and sticky bits included.</summary>
    public UnixFileMode Mode { get; init; }

    /// <summary>User and group, for example <c>1000:1000</c>.</summary>
    public string Owner => new OverlayOwner(OwnerUserId, OwnerGroupId).ToString();

    /// <summary>The user.</summary>
    public uint OwnerUserId { get; init; }

    /// <summary>The group.</summary>
    public uint OwnerGroupId { get; init; }

    /// <summary>Bytes of content; of a link, bytes of its target.</summary>
    public long SizeBytes { get; init; }

    /// <summary>Names that the file has; of a directory, it and its subdirectories.</summary>
    public long LinkCount { get; init; }

    /// <summary>Last change of the content.</summary>
    public DateTimeOffset Modified { get; init; }

    /// <summary>Last access.</summary>
    public DateTimeOffset Accessed { get; init; }

    /// <summary>Last change of content, owner, mode or attributes.</summary>
    public DateTimeOffset Changed { get; init; }

    /// <summary>Where a symbolic link leads; it is not followed.</summary>
    public string? LinkTarget { get; init; }

    /// <summary>Numbers of a device, for example <c>1:3</c>.</summary>
    public string? Device { get; init; }

    /// <summary>Names of the extended attributes.</summary>
    public IReadOnlyList<string> Attributes { get; init; } = [];

    internal static OverlayItemType TypeOf(ExtFileType type) => type switch
    {
        ExtFileType.Directory => OverlayItemType.Directory,
        ExtFileType.SymbolicLink => OverlayItemType.Link,
        ExtFileType.CharacterDevice => OverlayItemType.CharacterDevice,
        ExtFileType.BlockDevice => OverlayItemType.BlockDevice,
        ExtFileType.Fifo => OverlayItemType.Pipe,
        ExtFileType.Socket => OverlayItemType.Socket,
        _ => OverlayItemType.File,
    };
}
