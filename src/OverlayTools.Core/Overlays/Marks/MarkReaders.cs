namespace OverlayTools.Overlays;

/// <summary>Who, as far as is known, finds every deletion that an image holds.</summary>
[Flags]
internal enum MarkReaders
{
    /// <summary>Nothing is known: somebody mounted it for writing since it was last looked through.</summary>
    None = 0,

    /// <summary>The kernel's overlayfs of root: there are no files <c>.wh.NAME</c>, and each directory that hides what is
    /// below has <c>trusted.overlay.opaque</c>.</summary>
    Root = 1,

    /// <summary>An ordinary user's fuse-overlayfs, and the kernel with <c>userxattr</c>: each such directory has
    /// <c>user.overlay.opaque</c>. Attributes in <c>trusted.</c> are for nobody but the real root to see.</summary>
    User = 2,

    /// <summary>Everybody.</summary>
    All = Root | User,

    /// <summary>There is no device 0:0 at all. fuse2fs does not say in a listing what is a device, so that the kernel,
    /// stacked on it, would list what is deleted.</summary>
    NoWhiteouts = 4,
}
