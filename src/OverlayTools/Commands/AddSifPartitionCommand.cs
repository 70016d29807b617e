using System.Management.Automation;
using OverlayTools.Sif;

namespace OverlayTools.Commands;

/// <summary>Adds a file system to SIF images.</summary>
[Cmdlet(VerbsCommon.Add, "SifPartition", SupportsShouldProcess = true, DefaultParameterSetName = PathSet)]
[OutputType(typeof(SifDescriptorInfo))]
public sealed class AddSifPartitionCommand : SifAdditionCommand
{
    /// <summary>The file that holds the file system.</summary>
    [Parameter(Mandatory = true, Position = 1)]
    [Alias("Source")]
    [ValidateNotNullOrEmpty]
    public string InputPath { get; set; } = "";

    /// <summary>Always <c>Partition</c> (4); here so that a command for <c>siftool add</c> can be taken over.</summary>
    [Parameter]
    [ValidateSet(nameof(SifDataType.Partition))]
    public SifDataType DataType { get; set; } = SifDataType.Partition;

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        if (!TryResolveNew(InputPath, out var source))
            return;
        foreach (var path in Images())
            ForTarget(path, () => Add(path, source, $"'{source}'", SifDataType.Partition, null));
    }
}
