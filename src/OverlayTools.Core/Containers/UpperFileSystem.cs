namespace OverlayTools.Containers;

/// <summary>
/// File systems that no stack can write to: the kernel refuses them as upper, or takes them and fails later, and
/// fuse-overlayfs finds neither whiteouts nor attributes there (Apptainer's list).
/// </summary>
internal static class UpperFileSystem
{
    /// <summary>The name of a file system that cannot hold an upper directory; null for one that can.</summary>
    /// <param name="magic">Its number of <c>statfs(2)</c>.</param>
    public static string? NameOfUnfit(uint magic) => magic switch
    {
        0x6969 => "NFS",
        0x65735546 => "FUSE",
        0xF15F => "eCryptfs",
        0x0BD00BD0 => "Lustre",
        0x47504653 => "GPFS",
        0xAAD7AAEA => "PanFS",
        _ => null,
    };

    /// <summary>Refuses such a one.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayNotWritable"/>.</exception>
    public static void Require(uint magic, string path)
    {
        if (NameOfUnfit(magic) is { } name)
            throw new EngineException(ErrorIds.OverlayNotWritable,
                $"The overlay directory '{path}' is on {name}, on which changes to a container cannot be kept as files.",
                "Use an overlay image, which works on any file system: New-OverlayImage overlay.img 1GB. "
                + $"To read only, open it with '{path}:ro'.", path);
    }
}
