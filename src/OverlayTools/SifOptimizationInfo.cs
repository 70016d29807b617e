using OverlayTools.Sif;

namespace OverlayTools;

/// <summary>What was reclaimed in a SIF image, as <c>Optimize-SifImage</c> emits it.</summary>
public sealed class SifOptimizationInfo
{
    internal SifOptimizationInfo(SifOptimization result)
    {
        Path = result.Path;
        OldSizeBytes = result.OldLength;
        SizeBytes = result.NewLength;
        ReclaimedBytes = result.OldLength - result.NewLength;
        OldAllocatedBytes = result.OldAllocated;
        AllocatedBytes = result.NewAllocated;
        MovedObjects = result.MovedObjects;
    }

    /// <summary>The image's full path.</summary>
    public string Path { get; }

    /// <summary>Length of the file before, in bytes.</summary>
    public long OldSizeBytes { get; }

    /// <summary>Length of the file now, in bytes.</summary>
    public long SizeBytes { get; }

    /// <summary>By how much the file is shorter, in bytes.</summary>
    public long ReclaimedBytes { get; }

    /// <summary>What the file took on the disk before, in bytes.</summary>
    public long OldAllocatedBytes { get; }

    /// <summary>What the file takes on the disk now, in bytes.</summary>
    public long AllocatedBytes { get; }

    /// <summary>How many objects have another place now.</summary>
    public int MovedObjects { get; }
}
