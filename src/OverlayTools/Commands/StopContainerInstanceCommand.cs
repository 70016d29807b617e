using System.Management.Automation;
using OverlayTools.Completion;
using OverlayTools.Containers.Instances;
using OverlayTools.Native;

namespace OverlayTools.Commands;

/// <summary>Stops containers that run in the background.</summary>
[Cmdlet(VerbsLifecycle.Stop, "ContainerInstance", SupportsShouldProcess = true)]
[OutputType(typeof(void))]
public sealed class StopContainerInstanceCommand : InstanceCommand
{
    private const double DefaultTimeout = 10; // Apptainer's

    /// <summary>Names; wildcards are accepted.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(InstanceNameCompleter))]
    public string[] Name { get; set; } = [];

    /// <summary>The signal that the processes get first.</summary>
    [Parameter]
    [SignalTransformation]
    [ArgumentCompleter(typeof(SignalCompleter))]
    [ValidateRange(1, 64)]
    public int Signal { get; set; } = Processes.Terminate;

    /// <summary>How long they then have time, in seconds, before they are killed.</summary>
    [Parameter]
    [ValidateRange(0, 2_000_000.0)]
    public double TimeoutSeconds { get; set; } = DefaultTimeout;

    /// <summary>Kill the processes at once. What they wrote is still written to the disk.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (var instance in Matching(Name).ToList())
        {
            if (!ShouldProcess(instance.Name, "Stop the instance"))
                continue;
            var (signal, grace) = Force ? (Processes.Kill, TimeSpan.Zero) : (Signal, TimeSpan.FromSeconds(TimeoutSeconds));
            ForTarget(instance.Name, () => InstanceStopper.Stop(instance, signal, grace, Progress, WriteWarning, Stopped));
        }
    }
}
