namespace OverlayTools.Containers;

/// <summary>What a user asks for: a command in an image, on overlays.</summary>
public sealed record ContainerRequest
{
    /// <summary>A SIF image, a bare squashfs or ext3 image, or a directory with a root file system.</summary>
    public required string ImagePath { get; init; }

    /// <summary>What is run in the image.</summary>
    public ContainerAction Action { get; init; }

    /// <summary>The command and its arguments, at least one; for the other actions, their arguments.</summary>
    public required IReadOnlyList<string> Command { get; init; }

    /// <summary>The shell of <see cref="ContainerAction.Shell"/>, a path in the container; null for its own.</summary>
    public string? ShellPath { get; init; }

    /// <summary>Overlays, bottom to top.</summary>
    public IReadOnlyList<OverlayArgument> Overlays { get; init; } = [];

    /// <summary>Write to the image itself: the overlay embedded in a SIF, or the directory.</summary>
    public bool Writable { get; init; }

    /// <summary>Let the container change anything, and forget it at the end.</summary>
    public bool WritableTmpfs { get; init; }

    /// <summary>Be root in the container.</summary>
    public bool FakeRoot { get; init; }

    /// <summary>The caller's working directory.</summary>
    public required string CurrentDirectory { get; init; }
}

/// <summary>An overlay as the user named it.</summary>
/// <param name="Path">Full path of a directory, an ext3 or squashfs image, or a SIF image with overlay partitions.</param>
/// <param name="ReadOnly">Whether nothing may change in it.</param>
public sealed record OverlayArgument(string Path, bool ReadOnly)
{
    private const string ReadOnlySuffix = ":ro";

    /// <summary>Splits <c>PATH</c> or <c>PATH:ro</c>; any other colon belongs to the path.</summary>
    /// <param name="text">As the user typed it.</param>
    public static OverlayArgument Parse(string text) =>
        text.EndsWith(ReadOnlySuffix, StringComparison.Ordinal)
            ? new OverlayArgument(text[..^ReadOnlySuffix.Length], ReadOnly: true)
            : new OverlayArgument(text, ReadOnly: false);
}

/// <summary>What a layer is made of.</summary>
public enum LayerKind
{
    /// <summary>A directory.</summary>
    Directory,

    /// <summary>A squashfs file system.</summary>
    Squashfs,

    /// <summary>An ext2/ext3 file system.</summary>
    Ext3,
}

/// <summary>Where a layer's files come from, after the image was opened.</summary>
public sealed record LayerSource
{
    /// <summary>What it is made of.</summary>
    public required LayerKind Kind { get; init; }

    /// <summary>Full path of the image file or directory.</summary>
    public required string Path { get; init; }

    /// <summary>Index into the open files that the container inherits; -1 for a directory.</summary>
    public int File { get; init; } = -1;

    /// <summary>Where the file system starts in the file, in bytes.</summary>
    public long Offset { get; init; }

    /// <summary>Bytes in the file system.</summary>
    public long Length { get; init; }

    /// <summary>Whether nothing may change in it.</summary>
    public required bool ReadOnly { get; init; }

    /// <summary>Whether an <c>upper</c> directory inside holds the layer's files.</summary>
    public bool HasUpper { get; init; }

    /// <summary>Owner of <c>upper</c>, where it is known before mounting.</summary>
    public (uint UserId, uint GroupId)? UpperOwner { get; init; }
}

/// <summary>The opened image and overlays, bottom to top.</summary>
/// <param name="Root">The root file system.</param>
/// <param name="Overlays">Overlays, bottom to top, embedded ones first.</param>
public sealed record LayerStack(LayerSource Root, IReadOnlyList<LayerSource> Overlays);

/// <summary>What is known about the user and the machine when a plan is made.</summary>
public sealed record MachineFacts
{
    /// <summary>Effective user id.</summary>
    public required uint UserId { get; init; }

    /// <summary>Effective group id.</summary>
    public required uint GroupId { get; init; }

    /// <summary>Login name.</summary>
    public required string UserName { get; init; }

    /// <summary>Comment field of the user's entry.</summary>
    public string FullName { get; init; } = string.Empty;

    /// <summary>Home directory on the host; null when there is none.</summary>
    public string? Home { get; init; }

    /// <summary>The user's subordinate user ids, if any.</summary>
    public (uint Start, uint Count)? SubordinateUserIds { get; init; }

    /// <summary>The user's subordinate group ids, if any.</summary>
    public (uint Start, uint Count)? SubordinateGroupIds { get; init; }

    /// <summary>Finds a helper program's path; null when it is not installed.</summary>
    public required Func<HelperProgram, string?> FindHelper { get; init; }

    /// <summary>The caller's environment.</summary>
    public required IReadOnlyDictionary<string, string> Environment { get; init; }

    /// <summary>Whether a path exists on the host, and is a directory: null, false or true.</summary>
    public required Func<string, bool?> IsDirectory { get; init; }
}
