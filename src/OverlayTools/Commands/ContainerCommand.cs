using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Management.Automation;
using OverlayTools.Containers;
using OverlayTools.Containers.Engines;

namespace OverlayTools.Commands;

/// <summary>What all cmdlets that start a container share: the image, its overlays, and how it is set up.</summary>
/// <remarks>The names of Apptainer's options are aliases where they differ.</remarks>
public abstract class ContainerCommand : OverlayToolsCommand
{
    /// <summary>A SIF image, or a directory with a root file system.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    [Alias("Image")]
    [ValidateNotNullOrEmpty]
    public virtual string Path { get; set; } = string.Empty;

    /// <summary>Overlays, bottom to top: directories, ext3 or squashfs images, objects of Get-OverlayImage; <c>:ro</c>
    /// makes one read-only.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(Completion.OverlayCompleter))]
    public object[] Overlay { get; set; } = [];

    /// <summary>Be root in the container.</summary>
    [Parameter]
    public SwitchParameter FakeRoot { get; set; }

    /// <summary>Run in a user namespace, as root too.</summary>
    [Parameter]
    [Alias("userns")]
    public SwitchParameter UserNamespace { get; set; }

    /// <summary>Write to the overlay embedded in the image, or to the directory itself.</summary>
    [Parameter]
    public SwitchParameter Writable { get; set; }

    /// <summary>Let the container change anything, and forget it at the end.</summary>
    [Parameter]
    [Alias("writable-tmpfs")]
    public SwitchParameter WritableTmpfs { get; set; }

    /// <summary>The most that the container may keep in memory.</summary>
    [Parameter]
    [SizeTransformation]
    [ValidateRange(4096L, long.MaxValue)]
    public long TmpfsSizeBytes { get; set; }

    /// <summary>Further parts of the host that show in the container.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public object[] Bind { get; set; } = [];

    /// <summary>What is not mounted.</summary>
    [Parameter]
    [Alias("no-mount")]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(Completion.NoMountCompleter))]
    public string[] NoMount { get; set; } = [];

    /// <summary>Do not show the home directory.</summary>
    [Parameter]
    [Alias("no-home")]
    public SwitchParameter NoHome { get; set; }

    /// <summary>Another home directory: SOURCE or SOURCE:DESTINATION.</summary>
    [Parameter]
    [Alias("Home")]
    [ValidateNotNullOrEmpty]
    public string? HomeDirectory { get; set; }

    /// <summary>Show little of the host: a small /dev, an empty home and /tmp.</summary>
    [Parameter]
    public SwitchParameter Contain { get; set; }

    /// <summary>As Contain, with processes, shared memory and environment of its own.</summary>
    [Parameter]
    public SwitchParameter ContainAll { get; set; }

    /// <summary>Pass none of the caller's variables on.</summary>
    [Parameter]
    [Alias("cleanenv")]
    public SwitchParameter CleanEnvironment { get; set; }

    /// <summary>Variables for the command.</summary>
    [Parameter]
    [Alias("env")]
    [ValidateNotNull]
    public IDictionary Environment { get; set; } = new Hashtable();

    /// <summary>Files of variables for the command.</summary>
    [Parameter]
    [Alias("env-file")]
    [ValidateNotNullOrEmpty]
    public string[] EnvironmentFile { get; set; } = [];

    /// <summary>Where in the container the command starts.</summary>
    [Parameter]
    [Alias("cwd", "pwd")]
    [ValidateNotNullOrEmpty]
    public string? WorkingDirectory { get; set; }

    /// <summary>A directory of the host for what Contain and Scratch otherwise keep in memory.</summary>
    [Parameter]
    [Alias("workdir")]
    [ValidateNotNullOrEmpty]
    public string? ContainDirectory { get; set; }

    /// <summary>Paths in the container of empty directories for temporary files.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[] Scratch { get; set; } = [];

    /// <summary>The host name in the container.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Hostname { get; set; }

    /// <summary>Number processes anew.</summary>
    [Parameter]
    [Alias("pid")]
    public SwitchParameter PidNamespace { get; set; }

    /// <summary>Shared memory, semaphores and message queues of its own.</summary>
    [Parameter]
    [Alias("ipc")]
    public SwitchParameter IpcNamespace { get; set; }

    /// <summary>No network but the loopback device.</summary>
    [Parameter]
    public SwitchParameter NetworkNone { get; set; }

    /// <summary>No capabilities, and no way to gain any.</summary>
    [Parameter]
    [Alias("no-privs")]
    public SwitchParameter NoPrivileges { get; set; }

    /// <summary>What runs the container: OverlayTools itself, or a program that is installed.</summary>
    [Parameter]
    public ContainerEngineKind Engine { get; set; }

    /// <summary>Run on a copy of the writable overlay, and forget it at the end.</summary>
    [Parameter]
    public SwitchParameter Ephemeral { get; set; }

    /// <summary>How long to wait for an image that somebody else uses.</summary>
    [Parameter]
    public TimeSpan WaitForLock { get; set; }

    /// <summary>Emit what would be done, and do nothing.</summary>
    [Parameter]
    public SwitchParameter PlanOnly { get; set; }

    /// <summary>Asks whether to start: with <c>-PlanOnly</c> the plan is emitted instead, with <c>-WhatIf</c> printed.</summary>
    /// <param name="request">What would be started.</param>
    /// <param name="action">What it is, for <c>-Confirm</c> and <c>-Verbose</c>.</param>
    private protected bool ShouldStart(ContainerRequest request, string action)
    {
        if (!PlanOnly && !IsWhatIf())
            return ShouldProcess(request.ImagePath, action);
        ForTarget(request.ImagePath, () =>
        {
            var plan = ContainerRunner.Plan(request);
            if (PlanOnly)
            {
                WriteObject(plan);
                return;
            }

            foreach (var warning in plan.Warnings)
                WriteWarning(warning);
            // Under -WhatIf, this prints its first text and answers no.
            _ = ShouldProcess(ContainerPlanText.Describe(plan), action, request.ImagePath);
        });
        return false;
    }

    // The preference counts where the switch is absent.
    private bool IsWhatIf() => MyInvocation.BoundParameters.TryGetValue("WhatIf", out var given)
        ? LanguagePrimitives.IsTrue(given)
        : LanguagePrimitives.IsTrue(GetVariableValue("WhatIfPreference"));

    /// <summary>What the parameters ask for, without a command.</summary>
    /// <returns>False after an error record was written.</returns>
    private protected bool TryDescribe([NotNullWhen(true)] out ContainerRequest? request)
    {
        // A name of an image in a registry is for the engine that pulls it.
        var image = Path;
        request = null;
        return (ImageReference.IsPulled(Path) || TryResolveNew(Path, out image)) && TryDescribe(image, () => Describe(image), out request);
    }

    /// <summary>What the parameters say of a command, for a container that is there already.</summary>
    /// <param name="target">The container, for errors.</param>
    /// <param name="request">The request, without an image.</param>
    /// <returns>False after an error record was written.</returns>
    private protected bool TryDescribeJoin(object target, [NotNullWhen(true)] out ContainerRequest? request) =>
        TryDescribe(target, DescribeCommand, out request);

    private bool TryDescribe(object target, Func<ContainerRequest> describe, [NotNullWhen(true)] out ContainerRequest? request)
    {
        ContainerRequest? described = null;
        ForTarget(target, () =>
        {
            try
            {
                described = describe();
            }
            catch (UnresolvedException)
            {
                described = null; // the error record was written where the path was found wanting
            }
        });
        request = described;
        return request is not null;
    }

    // What a command may have of its own where the container is another's.
    private ContainerRequest DescribeCommand() => new()
    {
        ImagePath = string.Empty,
        Command = [],
        CleanEnvironment = CleanEnvironment,
        Environment = ContainerArguments.Variables(Environment),
        EnvironmentFiles = [.. EnvironmentFile.Select(Resolve)],
        WorkingDirectory = WorkingDirectory,
        CurrentDirectory = SessionState.Path.CurrentFileSystemLocation.ProviderPath,
    };

    private ContainerRequest Describe(string image)
    {
        var arguments = new ContainerArguments(Resolve);
        var containAll = ContainAll.IsPresent;
        return DescribeCommand() with
        {
            ImagePath = image,
            Overlays = [.. Overlay.Select(arguments.Overlay)],
            FakeRoot = FakeRoot,
            UserNamespace = UserNamespace,
            Writable = Writable,
            WritableTmpfs = WritableTmpfs,
            TmpfsSizeBytes = TmpfsSizeBytes == 0 ? null : TmpfsSizeBytes,
            Binds = [.. Bind.SelectMany(arguments.Binds), .. arguments.BindsOfEnvironment()],
            // As one text, too, as on Apptainer's command line.
            NoMount = [.. NoMount.SelectMany(names => names.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))],
            NoHome = NoHome,
            Home = HomeDirectory is null ? null : HomeArgument.Parse(HomeDirectory, Resolve),
            Contain = Contain || containAll,
            CleanEnvironment = CleanEnvironment || containAll,
            ContainDirectory = ContainDirectory is null ? null : Resolve(ContainDirectory),
            Scratch = Scratch,
            Hostname = Hostname,
            PidNamespace = PidNamespace || containAll,
            IpcNamespace = IpcNamespace || containAll,
            NetworkNone = NetworkNone,
            NoPrivileges = NoPrivileges,
            Ephemeral = Ephemeral,
            WaitForLock = WaitForLock,
            Engine = Engine,
        };
    }

    private string Resolve(string path) => TryResolveNew(path, out var full) ? full : throw new UnresolvedException();

    /// <summary>A path could not be resolved, and the user has been told.</summary>
    private sealed class UnresolvedException : Exception;
}
