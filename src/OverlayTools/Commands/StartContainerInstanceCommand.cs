using System.Management.Automation;
using OverlayTools.Containers;
using OverlayTools.Containers.Engines;
using OverlayTools.Containers.Instances;

namespace OverlayTools.Commands;

/// <summary>Starts a container in the background, under a name.</summary>
[Cmdlet(VerbsLifecycle.Start, "ContainerInstance", SupportsShouldProcess = true)]
[OutputType(typeof(ContainerInstance), typeof(ContainerPlan))]
public sealed class StartContainerInstanceCommand : ContainerCommand
{
    /// <summary>The instance's name.</summary>
    [Parameter(Mandatory = true, Position = 1)]
    [ValidateNotNullOrEmpty]
    public string Name { get; set; } = string.Empty;

    /// <summary>Arguments of the start script.</summary>
    [Parameter(Position = 2, ValueFromRemainingArguments = true)]
    [AllowNull]
    [AllowEmptyString]
    [AllowEmptyCollection]
    public object?[] ArgumentList { get; set; } = [];

    /// <summary>Run the image's run script in place of its start script.</summary>
    [Parameter]
    public SwitchParameter Run { get; set; }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        if (!TryDescribe(out var described))
            return;
        var request = described with
        {
            Action = Run ? ContainerAction.Run : ContainerAction.Start,
            Command = NativeArguments.FromBound(ArgumentList, MyInvocation),
        };
        if (!ShouldStart(request, $"Start the instance {Name}"))
            return;
        ForTarget(request.ImagePath, () =>
        {
            ContainerEngines.RequireNative(request, Name);
            var warnings = new List<string>();
            try
            {
                WriteObject(InstanceStarter.Start(Name, request, warnings, Progress, Stopped));
            }
            finally
            {
                warnings.ForEach(WriteWarning);
            }
        });
    }
}
