using OverlayTools.IO;
using OverlayTools.Sif;

namespace OverlayTools;

/// <summary>A SIF image, as the cmdlets emit it.</summary>
public sealed class SifImageInfo
{
    internal SifImageInfo(SifImage image, ImageUsers? users = null)
    {
        Path = image.Path;
        ImageId = image.Id;
        Architecture = image.Architecture;
        FileSystem = image.PrimaryPartition?.Partition?.FileSystem;
        SizeBytes = image.Length;
        ObjectCount = image.Objects.Count;
        Capacity = image.Capacity;
        Created = image.Created;
        Modified = image.Modified;
        Version = System.Text.Encoding.ASCII.GetString(image.Header.Version).TrimEnd('\0');
        LaunchScript = image.LaunchScript;
        HeaderArchitecture = image.HeaderArchitecture;
        PrimaryPartitionId = image.PrimaryPartition?.Id;
        OverlayIds = [.. image.Overlays.Select(o => o.Id)];
        FreeDescriptors = image.FreeDescriptors;
        AllocatedBytes = image.AllocatedBytes;
        DataBytes = image.Objects.Where(o => o.Fault is null).Sum(o => o.SizeBytes);
        Fault = image.ModificationFault;
        WastedBytes = Fault is null ? SifOptimizer.Gain(image) : 0;
        IsSigned = image.IsSigned;
        IsEncrypted = image.IsEncrypted;
        IsDeterministic = image.IsDeterministic;
        Layout = image.Ranges;
        Users = users is null ? [] : image.Users(users);
    }

    /// <summary>The image's full path.</summary>
    public string Path { get; }

    /// <summary>The image's UUID; all zeros in a deterministic image.</summary>
    public Guid ImageId { get; }

    /// <summary>Architecture of the root file system.</summary>
    public SifArchitecture Architecture { get; }

    /// <summary>Format of the root file system; null without one.</summary>
    public SifFileSystem? FileSystem { get; }

    /// <summary>Length of the file in bytes.</summary>
    public long SizeBytes { get; }

    /// <summary>Objects in the image.</summary>
    public int ObjectCount { get; }

    /// <summary>The most objects that it can hold.</summary>
    public long Capacity { get; }

    /// <summary>When the image was made; null when unset.</summary>
    public DateTimeOffset? Created { get; }

    /// <summary>When the image was last changed; null when unset.</summary>
    public DateTimeOffset? Modified { get; }

    /// <summary>Version of the format, <c>01</c>.</summary>
    public string Version { get; }

    /// <summary>The line that runs the container; empty without one.</summary>
    public string LaunchScript { get; }

    /// <summary>The architecture that the header names; it may be stale.</summary>
    public SifArchitecture HeaderArchitecture { get; }

    /// <summary>Id of the root file system that is run; null without one.</summary>
    public uint? PrimaryPartitionId { get; }

    /// <summary>Ids of the overlays that count when the image runs.</summary>
    public IReadOnlyList<uint> OverlayIds { get; }

    /// <summary>How many objects can still be added before the table is full.</summary>
    public long FreeDescriptors { get; }

    /// <summary>Bytes that the file takes on its disk; a sparse image takes less than its length.</summary>
    public long? AllocatedBytes { get; }

    /// <summary>Bytes of all objects.</summary>
    public long DataBytes { get; }

    /// <summary>By how much <c>Optimize-SifImage</c> would shorten the file, in bytes.</summary>
    public long WastedBytes { get; }

    /// <summary>Whether the image has a signature, valid or not.</summary>
    public bool IsSigned { get; }

    /// <summary>Whether the root file system is encrypted.</summary>
    public bool IsEncrypted { get; }

    /// <summary>Whether the image carries neither identity nor times.</summary>
    public bool IsDeterministic { get; }

    /// <summary>What each byte of the file is for.</summary>
    public IReadOnlyList<SifRange> Layout { get; }

    /// <summary>Who uses the image, as far as can be seen.</summary>
    public IReadOnlyList<ImageUser> Users { get; }

    /// <summary>Why the image cannot be changed, or null.</summary>
    public string? Fault { get; }
}
