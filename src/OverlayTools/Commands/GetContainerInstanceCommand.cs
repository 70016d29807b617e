using System.Management.Automation;
using OverlayTools.Completion;
using OverlayTools.Containers.Instances;

namespace OverlayTools.Commands;

/// <summary>Lists the containers that run in the background.</summary>
[Cmdlet(VerbsCommon.Get, "ContainerInstance")]
[OutputType(typeof(ContainerInstance))]
public sealed class GetContainerInstanceCommand : InstanceCommand
{
    /// <summary>Names; wildcards are accepted.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(InstanceNameCompleter))]
    public string[] Name { get; set; } = ["*"];

    /// <inheritdoc/>
    protected override void ProcessRecord() => WriteObject(Matching(Name), enumerateCollection: true);
}
