using System.Management.Automation;
using OverlayTools.Containers.Engines;

namespace OverlayTools.Commands;

/// <summary>Says what can run containers on this machine, what cannot and why not, and what mends it.</summary>
[Cmdlet(VerbsCommon.Get, "ContainerEngine", DefaultParameterSetName = EngineSet)]
[OutputType(typeof(ContainerEngine), ParameterSetName = [EngineSet])]
[OutputType(typeof(EngineCapability), ParameterSetName = [CapabilitySet])]
public sealed class GetContainerEngineCommand : OverlayToolsCommand
{
    private const string EngineSet = "Engine";
    private const string CapabilitySet = "Capability";

    /// <summary>Only these engines; default all.</summary>
    [Parameter(Position = 0, ValueFromPipelineByPropertyName = true)]
    [ValidateSet(nameof(ContainerEngineKind.Native), nameof(ContainerEngineKind.Apptainer), nameof(ContainerEngineKind.Singularity))]
    public ContainerEngineKind[] Engine { get; set; } =
        [ContainerEngineKind.Native, ContainerEngineKind.Apptainer, ContainerEngineKind.Singularity];

    /// <summary>Everything that an engine needs, an object each, instead of the engine.</summary>
    [Parameter(Mandatory = true, ParameterSetName = CapabilitySet)]
    public SwitchParameter Detailed { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord() => ForTarget(null, () =>
    {
        foreach (var engine in EngineCatalog.List().Where(engine => Engine.Contains(engine.Engine)))
        {
            if (Detailed)
                WriteObject(engine.Capabilities, enumerateCollection: true);
            else
                WriteObject(engine);
        }
    });
}
