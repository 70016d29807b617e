using System.Management.Automation;
using OverlayTools.Completion;
using OverlayTools.Sif;

namespace OverlayTools.Commands;

/// <summary>Lists the objects in SIF images.</summary>
[Cmdlet(VerbsCommon.Get, "SifDescriptor", DefaultParameterSetName = PathSet)]
[OutputType(typeof(SifDescriptorInfo))]
public sealed class GetSifDescriptorCommand : ImageFileCommand
{
    private WildcardPattern[]? _names;

    /// <summary>Only the objects with these ids; one that is not there is an error.</summary>
    [Parameter(Position = 1, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(SifObjectIdCompleter))]
    public uint[]? Id { get; set; }

    /// <summary>Only objects of these types.</summary>
    [Parameter]
    public SifDataType[]? DataType { get; set; }

    /// <summary>Only partitions of these types.</summary>
    [Parameter]
    public SifPartitionType[]? PartitionType { get; set; }

    /// <summary>Only objects of these groups; 0 stands for no group.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(SifGroupIdCompleter))]
    public uint[]? GroupId { get; set; }

    /// <summary>Only objects with names like these; wildcards are allowed.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[]? Name { get; set; }

    /// <inheritdoc/>
    protected override void BeginProcessing() =>
        _names = Name?.Select(name => WildcardPattern.Get(name, WildcardOptions.IgnoreCase)).ToArray();

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (var path in Images())
            ForTarget(path, () => List(path));
    }

    private void List(string path)
    {
        using var image = SifImage.Open(path, Stopped);
        foreach (var found in image.Objects.Where(IsWanted))
            WriteObject(SifDescriptorInfo.Of(path, found));

        foreach (var missing in (Id ?? []).Where(id => image.Objects.All(o => o.Id != id)))
            ForTarget(path, () => image.Find(missing));
    }

    private bool IsWanted(SifObject found) =>
        (Id is null || Id.Contains(found.Id))
        && (DataType is null || DataType.Contains(found.DataType))
        && (PartitionType is null || PartitionType.Any(found.IsPartition))
        && (GroupId is null || GroupId.Contains(found.GroupId ?? 0))
        && (_names is null || _names.Any(name => name.IsMatch(found.Name)));
}
