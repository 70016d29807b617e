using System.Management.Automation;
using OverlayTools.Completion;
using OverlayTools.Sif;

namespace OverlayTools.Commands;

/// <summary>Adds a file system to SIF images.</summary>
[Cmdlet(VerbsCommon.Add, "SifPartition", SupportsShouldProcess = true, DefaultParameterSetName = PathSet)]
[OutputType(typeof(SifDescriptorInfo))]
public sealed class AddSifPartitionCommand : OverlayToolsCommand
{
    private const string PathSet = "Path";
    private const string LiteralPathSet = "LiteralPath";

    /// <summary>The images; wildcards are allowed.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true,
        ParameterSetName = PathSet)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] Path { get; set; } = [];

    /// <summary>The images; every character stands for itself.</summary>
    [Parameter(Mandatory = true, ValueFromPipelineByPropertyName = true, ParameterSetName = LiteralPathSet)]
    [Alias("PSPath", "FullName", "LP")]
    [ValidateNotNullOrEmpty]
    public string[] LiteralPath { get; set; } = [];

    /// <summary>The file that holds the file system.</summary>
    [Parameter(Mandatory = true, Position = 1)]
    [Alias("Source")]
    [ValidateNotNullOrEmpty]
    public string InputPath { get; set; } = "";

    /// <summary>Always <c>Partition</c> (4); here so that a command for <c>siftool add</c> can be taken over.</summary>
    [Parameter]
    [ValidateSet(nameof(SifDataType.Partition))]
    public SifDataType DataType { get; set; } = SifDataType.Partition;

    /// <summary>The file system; found out from the file when left out.</summary>
    [Parameter]
    [Alias("PartFs")]
    public SifFileSystem FileSystem { get; set; }

    /// <summary>What the partition is for.</summary>
    [Parameter]
    [Alias("PartType")]
    public SifPartitionType PartitionType { get; set; } = SifPartitionType.Overlay;

    /// <summary>The architecture; that of the primary partition, else of this machine, when left out.</summary>
    [Parameter]
    [Alias("PartArch")]
    [SifArchitectureArgument]
    public SifArchitecture Architecture { get; set; }

    /// <summary>The group, 0 for none; that of the primary partition, else 1, when left out.</summary>
    [Parameter]
    public uint GroupId { get; set; }

    /// <summary>The object that the partition is about.</summary>
    [Parameter]
    [Alias("Link")]
    [ArgumentCompleter(typeof(SifObjectIdCompleter))]
    public uint LinkedId { get; set; }

    /// <summary>The partition's name.</summary>
    [Parameter]
    [Alias("FileName")]
    [AllowEmptyString]
    public string Name { get; set; } = "";

    /// <summary>What the partition's offset is a multiple of, in bytes.</summary>
    [Parameter]
    [ValidateRange(0L, long.MaxValue)]
    public long Alignment { get; set; } = SifLayout.PartitionAlignment;

    /// <summary>Emits the new descriptor.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        var literal = ParameterSetName == LiteralPathSet;
        if (!TryResolveNew(InputPath, out var source))
            return;
        foreach (var path in ResolveExisting(literal ? LiteralPath : Path, literal))
            ForTarget(path, () => Add(path, source));
    }

    private void Add(string path, string source)
    {
        using var content = SifContent.FromFile(source);
        var added = Describe(path, source, content);
        var action = $"Add {added.Metadata?.Text} partition of {ByteSize.Format(content.Length)} from '{source}'";
        if (!ShouldProcess(path, action))
            return;

        var result = SifEditor.Add(path, added, progress: Progress, token: Stopped);
        if (!result.Locked)
            WriteWarning(
                $"The file system of '{path}' knows no locks: nothing would have kept another program from writing.");
        if (PassThru)
            WriteObject(new SifDescriptorInfo(path, result.Object));
    }

    private SifNewObject Describe(string path, string source, SifContent content)
    {
        using var image = SifImage.Open(path, Stopped);
        var primary = image.PrimaryPartition;
        var group = IsBound(nameof(GroupId)) ? GroupId : primary?.GroupId ?? SifNewObject.DefaultGroup;
        if (PartitionType == SifPartitionType.Overlay && primary?.GroupId is { } needed && needed != group)
            WriteWarning($"The overlay will be ignored when '{path}' runs: its group is {Show(group)}, that of the "
                + $"root file system {needed}. Use -GroupId {needed}.");
        if (IsBound(nameof(LinkedId)) && image.Objects.All(o => o.Id != LinkedId))
            WriteWarning($"'{path}' has no object {LinkedId} to link to.");

        return new SifNewObject
        {
            DataType = SifDataType.Partition,
            Content = content,
            GroupId = group == 0 ? null : group,
            LinkedId = IsBound(nameof(LinkedId)) ? LinkedId : null,
            Name = Name,
            Alignment = Alignment,
            Metadata = new SifPartitionMetadata(ChooseFileSystem(source), PartitionType, ChooseArchitecture(image)),
        };
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

    private bool IsBound(string parameter) => MyInvocation.BoundParameters.ContainsKey(parameter);

    private static string Show(uint group) => group == 0 ? "none" : $"{group}";
}
