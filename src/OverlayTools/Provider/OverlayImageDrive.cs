using System.Globalization;
using System.Management.Automation;
using OverlayTools.Overlays;

namespace OverlayTools.Provider;

/// <summary>A drive on an overlay: its root is the image, and paths below it are paths in the overlay.</summary>
public sealed class OverlayImageDrive : PSDriveInfo
{
    /// <summary>A drive for <c>SessionState.Drive.New</c>, for who does not use <c>New-PSDrive</c>.</summary>
    /// <param name="drive">Its name and provider.</param>
    /// <param name="path">Full path of an overlay image, a SIF image, or, to be read, a directory with upper.</param>
    /// <param name="id">The partition of a SIF image that has several.</param>
    /// <param name="writable">Whether it is to be changed: it is locked until the drive is removed.</param>
    /// <exception cref="EngineException">As <see cref="OverlayVolume.Open"/>.</exception>
    public OverlayImageDrive(PSDriveInfo drive, string path, uint? id = null, bool writable = false)
        : this(drive, OverlayVolume.Open(path, id, writable))
    {
    }

    internal OverlayImageDrive(PSDriveInfo drive, OverlayVolume volume)
        : base(drive.Name, drive.Provider, RootOf(volume), Describe(drive, volume), drive.Credential) => Volume = volume;

    /// <summary>The image, or the directory that the overlay is.</summary>
    public string ImagePath => Volume.Path;

    /// <summary>The partition of a SIF image; null for an overlay of its own.</summary>
    public uint? Id => Volume.Id;

    /// <summary>Whether the overlay can be changed through the drive.</summary>
    public bool IsWritable => Volume.IsWritable;

    internal OverlayVolume Volume { get; }

    // Not the path alone: what starts with a slash, PowerShell takes for a path of the file system when it makes a path of
    // a drive from it (LocationGlobber.GetDriveQualifiedPath), and Set-Content would write there.
    private static string RootOf(OverlayVolume volume) =>
        "@" + volume.Path + (volume.Id is { } id ? string.Create(CultureInfo.InvariantCulture, $"#{id}") : string.Empty);

    private static string Describe(PSDriveInfo drive, OverlayVolume volume) => drive.Description is { Length: > 0 } given
        ? given
        : $"overlay, {(volume.IsWritable ? "writable" : "read-only")}";
}

/// <summary>What <c>New-PSDrive -PSProvider OverlayImage</c> takes besides a name and a root.</summary>
public sealed class OverlayImageDriveParameters
{
    /// <summary>The partition of a SIF image that has several ext3 ones.</summary>
    [Parameter]
    public uint? Id { get; set; }

    /// <summary>Let the overlay be changed through the drive, and keep others out while it is there.</summary>
    [Parameter]
    public SwitchParameter Writable { get; set; }
}

/// <summary>The provider in one session, with all its drives: PowerShell's own list has those of one scope only.</summary>
internal sealed class OverlayImageProviderInfo(ProviderInfo provider) : ProviderInfo(provider)
{
    public List<OverlayImageDrive> AllDrives { get; } = [];
}
