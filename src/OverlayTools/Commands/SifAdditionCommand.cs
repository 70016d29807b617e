using System.Management.Automation;
using OverlayTools.Completion;
using OverlayTools.Sif;

namespace OverlayTools.Commands;

/// <summary>What <c>Add-SifPartition</c> and <c>Add-SifObject</c> share: how an object is described, and the adding.</summary>
public abstract class SifAdditionCommand : SifImageCommand
{
    /// <summary>A partition's file system; found out from the file when left out.</summary>
    [Parameter]
    [Alias("PartFs")]
    public SifFileSystem FileSystem { get; set; }

    /// <summary>What a partition is for.</summary>
    [Parameter]
    [Alias("PartType")]
    public SifPartitionType PartitionType { get; set; } = SifPartitionType.Overlay;

    /// <summary>A partition's architecture; that of the primary partition, else of this machine, when left out.</summary>
    [Parameter]
    [Alias("PartArch")]
    [SifArchitectureArgument]
    public SifArchitecture Architecture { get; set; }

    /// <summary>The group, 0 for none; that of the primary partition, else 1, when left out.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(SifGroupIdCompleter))]
    public uint GroupId { get; set; }

    /// <summary>The object that this one is about.</summary>
    [Parameter]
    [Alias("Link")]
    [ArgumentCompleter(typeof(SifObjectIdCompleter))]
    public uint LinkedId { get; set; }

    /// <summary>The object's name.</summary>
    [Parameter]
    [Alias("FileName")]
    [AllowEmptyString]
    public string Name { get; set; } = "";

    /// <summary>What the object's offset is a multiple of, in bytes; 4096 for a partition and none for others when left
    /// out.</summary>
    [Parameter]
    [ValidateRange(0L, long.MaxValue)]
    public long Alignment { get; set; }

    /// <summary>Give a full descriptor table more room.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>Emits the new descriptor.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <summary>Whether <see cref="LinkedId"/> is a group.</summary>
    protected virtual bool LinksToGroup => false;

    /// <summary>Adds the content of a file to an image.</summary>
    /// <param name="path">The image.</param>
    /// <param name="source">The file.</param>
    /// <param name="from">How the source is called in messages.</param>
    /// <param name="type">What it is.</param>
    /// <param name="metadata">What is said about it; null for a partition, which is described by its own parameters.</param>
    protected void Add(string path, string source, string from, SifDataType type, SifMetadata? metadata)
    {
        using var content = SifContent.FromFile(source);
        var added = Describe(path, source, content, type, metadata);
        var what = type == SifDataType.Partition ? $"{added.Metadata?.Text} partition" : $"{type} object";
        if (!ShouldProcess(path, $"Add {what} of {ByteSize.Format(content.Length)} from {from}"))
            return;

        var result = SifEditor.Add(path, added, new SifChangeOptions { GrowTable = Force }, Progress, Stopped);
        WarnIfUnlocked(path, result.Locked);
        if (PassThru)
            WriteObject(SifDescriptorInfo.Of(path, result.Object));
    }

    private SifNewObject Describe(
        string path, string source, SifContent content, SifDataType type, SifMetadata? metadata)
    {
        using var image = SifImage.Open(path, Stopped);
        var group = ChooseGroup(image, type);
        if (type == SifDataType.Partition)
            WarnOfIgnoredOverlay(image, group);
        // siftool takes a link with all mask bits for one to a group.
        var toGroup = LinksToGroup || LinkedId > SifDescriptor.GroupMask;
        var link = LinkedId > SifDescriptor.GroupMask ? LinkedId & ~SifDescriptor.GroupMask : LinkedId;
        if (IsBound(nameof(LinkedId)) && !image.Objects.Any(o => toGroup ? o.GroupId == link : o.Id == link))
            WriteWarning($"'{path}' has no {(toGroup ? "group" : "object")} {link} to link to.");

        return new SifNewObject
        {
            DataType = type,
            Content = content,
            GroupId = group == 0 ? null : group,
            LinkedId = IsBound(nameof(LinkedId)) ? link : null,
            LinkedToGroup = toGroup,
            Name = Name,
            Alignment = IsBound(nameof(Alignment)) ? Alignment : null,
            Metadata = type == SifDataType.Partition
                ? new SifPartitionMetadata(ChooseFileSystem(source), PartitionType, ChooseArchitecture(image))
                : metadata,
        };
    }

    // A signature is in no group, but linked to the one that it covers (SIF specification, 4.1).
    private uint ChooseGroup(SifImage image, SifDataType type) => IsBound(nameof(GroupId))
        ? GroupId
        : type == SifDataType.Signature ? 0 : image.PrimaryPartition?.GroupId ?? SifNewObject.DefaultGroup;

    private void WarnOfIgnoredOverlay(SifImage image, uint group)
    {
        if (PartitionType == SifPartitionType.Overlay && image.PrimaryPartition?.GroupId is { } needed && needed != group)
            WriteWarning($"The overlay will be ignored when '{image.Path}' runs: its group is "
                + $"{(group == 0 ? "none" : $"{group}")}, that of the root file system {needed}. Use -GroupId {needed}.");
    }

    private SifFileSystem ChooseFileSystem(string source)
    {
        var found = SifFileSystems.Detect(source);
        if (!IsBound(nameof(FileSystem)))
            return found ?? throw new EngineException(ErrorIds.ImageNotRecognized,
                $"'{source}' is neither a squashfs nor an ext3 file system.", "Say what it is with -FileSystem.",
                source);

        // Apptainer skips a partition whose superblock it cannot read, and says nothing.
        if (FileSystem is SifFileSystem.Squashfs or SifFileSystem.Ext3 && found != FileSystem)
            WriteWarning($"'{source}' does not look like {FileSystem}: a container will not be able to use it.");
        return FileSystem;
    }

    private SifArchitecture ChooseArchitecture(SifImage image)
    {
        if (IsBound(nameof(Architecture)))
            return Architecture;
        return image.Architecture == SifArchitecture.Unknown ? SifArchitectures.Host : image.Architecture;
    }
}
