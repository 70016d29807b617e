using System.Diagnostics.CodeAnalysis;
using System.Management.Automation;
using OverlayTools.Containers;

namespace OverlayTools.Commands;

/// <summary>What all cmdlets that start a container share: the image, its overlays, and how it is set up.</summary>
public abstract class ContainerCommand : OverlayToolsCommand
{
    /// <summary>A SIF image, or a directory with a root file system.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    [Alias("Image")]
    [ValidateNotNullOrEmpty]
    public virtual string Path { get; set; } = string.Empty;

    /// <summary>Overlays, bottom to top: directories, ext3 or squashfs images; <c>:ro</c> makes one read-only.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(Completion.OverlayCompleter))]
    public string[] Overlay { get; set; } = [];

    /// <summary>Be root in the container.</summary>
    [Parameter]
    public SwitchParameter FakeRoot { get; set; }

    /// <summary>Write to the overlay embedded in the image, or to the directory itself.</summary>
    [Parameter]
    public SwitchParameter Writable { get; set; }

    /// <summary>Let the container change anything, and forget it at the end.</summary>
    [Parameter]
    public SwitchParameter WritableTmpfs { get; set; }

    /// <summary>What the parameters ask for, without a command.</summary>
    /// <returns>False after an error record was written.</returns>
    private protected bool TryDescribe([NotNullWhen(true)] out ContainerRequest? request)
    {
        request = null;
        if (!TryResolveNew(Path, out var image) || !TryResolveOverlays(out var overlays))
            return false;
        request = new ContainerRequest
        {
            ImagePath = image,
            Command = [],
            Overlays = overlays,
            FakeRoot = FakeRoot,
            Writable = Writable,
            WritableTmpfs = WritableTmpfs,
            CurrentDirectory = SessionState.Path.CurrentFileSystemLocation.ProviderPath,
        };
        return true;
    }

    private bool TryResolveOverlays(out List<OverlayArgument> overlays)
    {
        overlays = [];
        foreach (var text in Overlay)
        {
            var argument = OverlayArgument.Parse(text);
            if (!TryResolveNew(argument.Path, out var path))
                return false;
            overlays.Add(argument with { Path = path });
        }

        return true;
    }
}
