namespace OverlayTools.Overlays;

/// <summary>What an overlay will hold, and so how many inodes it needs: one is used for each file, and they cannot be
/// had later without making the file system anew.</summary>
public enum OverlayProfile
{
    /// <summary>What <c>mke2fs</c> chooses for the size: an inode for 4 KiB below 512 MiB, for 16 KiB above.</summary>
    Ordinary = 0,

    /// <summary>An inode for each 4 KiB: environments of Conda or Python, source trees.</summary>
    ManySmallFiles = 4096,

    /// <summary>An inode for each MiB: data sets, models, databases. It leaves the most room for content.</summary>
    FewLargeFiles = 1 << 20,
}
