using Microsoft.Win32.SafeHandles;
using OverlayTools.Containers;
using OverlayTools.Native;

namespace OverlayTools.Init;

/// <summary>Finds what is bound out of images. Paths in an image are followed inside it.</summary>
internal static class DataImages
{
    /// <summary>Whether what a mount shows is a directory.</summary>
    public static bool IsDirectory(ContainerPlan plan, MountPlan mount)
    {
        using var source = Find(plan, mount);
        return Statx.Of(source).FileType == Statx.Directory;
    }

    /// <summary>Opens what a mount shows.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayItemNotFound"/>.</exception>
    public static SafeFileHandle Find(ContainerPlan plan, MountPlan mount)
    {
        using var root = Open.File(SessionLayout.DataImage(plan, mount.Image), Open.PathOnly | Open.Directory);
        return Openat2.TryInRoot(root, mount.Source, Open.PathOnly, out _)
            ?? throw new EngineException(ErrorIds.OverlayItemNotFound,
                $"'{plan.DataImages[mount.Image].Path}' has no '{mount.Source}' to bind.");
    }
}
