using System.Management.Automation;
using OverlayTools.Completion;
using OverlayTools.Containers;
using OverlayTools.Native;
using OverlayTools.Sif;

namespace OverlayTools.Commands;

/// <summary>Makes a SIF image that can be run, from a directory that holds a root file system.</summary>
[Cmdlet(VerbsCommon.New, "SifImage", SupportsShouldProcess = true)]
[OutputType(typeof(SifImageInfo))]
public sealed class NewSifImageCommand : OverlayToolsCommand
{
    /// <summary>The file to make.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    [ValidateNotNullOrEmpty]
    public string Path { get; set; } = string.Empty;

    /// <summary>The directory that holds the root file system.</summary>
    [Parameter(Mandatory = true, Position = 1, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("FullName", "PSPath")]
    [ValidateNotNullOrEmpty]
    public string Source { get; set; } = string.Empty;

    /// <summary>The root file system's format; squashfs if mksquashfs is installed, else ext3, when left out.</summary>
    [Parameter]
    [Alias("PartFs")]
    [ValidateSet(nameof(SifFileSystem.Squashfs), nameof(SifFileSystem.Ext3))]
    public SifFileSystem? FileSystem { get; set; }

    /// <summary>The architecture of the programs inside; this machine's when left out.</summary>
    [Parameter]
    [Alias("PartArch")]
    [SifArchitectureArgument]
    public SifArchitecture Architecture { get; set; } = SifArchitectures.Host;

    /// <summary>A definition file to keep with the image.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? DefinitionFile { get; set; }

    /// <summary>The text of the run script; <c>#!/bin/sh</c> is put before it when it names no interpreter.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? RunScript { get; set; }

    /// <summary>Replace an existing file.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        if (TryResolveNew(Path, out var path) && TryResolveNew(Source, out var source))
            ForTarget(path, () => Build(path, source));
    }

    private void Build(string path, string source)
    {
        if (!TryReadDefinition(out var definition))
            return;
        var build = new SifBuild
        {
            Path = path,
            Source = source,
            FileSystem = FileSystem,
            Architecture = Architecture,
            Definition = definition,
            RunScript = RunScript,
            // An ordinary user's files are root's inside a container; root's own sources keep their owners.
            RootOwned = User.EffectiveId() != 0,
            Force = Force,
        };
        if (!ShouldProcess(path, $"Create a SIF image from '{source}'"))
            return;

        foreach (var warning in SifImageBuilder.Build(build, Progress, Stopped).Warnings)
            WriteWarning(warning);
        using var image = SifImage.Open(path, Stopped);
        WriteObject(new SifImageInfo(image));
    }

    // False after an error record was written: an image without the definition is not what was asked for.
    private bool TryReadDefinition(out byte[]? definition)
    {
        definition = null;
        if (DefinitionFile is null)
            return true;
        if (!TryResolveNew(DefinitionFile, out var file))
            return false;
        definition = File.ReadAllBytes(file);
        return true;
    }
}
