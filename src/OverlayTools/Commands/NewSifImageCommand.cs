using System.Collections;
using System.Management.Automation;
using OverlayTools.Completion;
using OverlayTools.Containers;
using OverlayTools.Native;
using OverlayTools.Sif;

namespace OverlayTools.Commands;

/// <summary>Makes a SIF image: from a directory or archive with a root file system, from a file system that is there
/// already, or empty.</summary>
[Cmdlet(VerbsCommon.New, "SifImage", SupportsShouldProcess = true)]
[OutputType(typeof(SifImageInfo))]
public sealed class NewSifImageCommand : OverlayToolsCommand
{
    /// <summary>The file to make.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    [ValidateNotNullOrEmpty]
    public string Path { get; set; } = string.Empty;

    /// <summary>A directory or tar archive that holds the root file system, or a squashfs or ext3 image that is it; an
    /// empty image when left out.</summary>
    [Parameter(Position = 1, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("FullName", "PSPath")]
    [ValidateNotNullOrEmpty]
    public string? Source { get; set; }

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

    /// <summary>Labels, which <c>apptainer inspect</c> shows.</summary>
    [Parameter]
    [ValidateNotNull]
    public IDictionary? Labels { get; set; }

    /// <summary>Variables that a container gets.</summary>
    [Parameter]
    [Alias("Env")]
    [ValidateNotNull]
    public IDictionary? Environment { get; set; }

    /// <summary>The launch script in the header: at most 31 bytes; Apptainer's when left out.</summary>
    [Parameter]
    [AllowEmptyString]
    public string? LaunchScript { get; set; }

    /// <summary>No identity and no times of its own: the same source makes the same bytes.</summary>
    [Parameter]
    public SwitchParameter Deterministic { get; set; }

    /// <summary>Replace an existing file.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        if (!TryResolveNew(Path, out var path))
            return;
        string? source = null;
        if (Source is null || TryResolveNew(Source, out source))
            ForTarget(path, () => Build(path, source));
    }

    private void Build(string path, string? source)
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
            Labels = Texts(Labels),
            Environment = Texts(Environment),
            LaunchScript = LaunchScript,
            Deterministic = Deterministic,
            // An ordinary user's files are root's inside a container; root's own sources keep their owners.
            RootOwned = User.EffectiveId() != 0,
            Force = Force,
        };
        if (!ShouldProcess(path, source is null ? "Create an empty SIF image" : $"Create a SIF image from '{source}'"))
            return;

        foreach (var warning in SifImageBuilder.Build(build, Progress, Stopped).Warnings)
            WriteWarning(warning);
        using var image = SifImage.Open(path, Stopped);
        WriteObject(new SifImageInfo(image));
    }

    private static Dictionary<string, string>? Texts(IDictionary? values)
    {
        if (values is null)
            return null;
        var texts = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (DictionaryEntry entry in values)
            texts[LanguagePrimitives.ConvertTo<string>(entry.Key)] = LanguagePrimitives.ConvertTo<string>(entry.Value);
        return texts;
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
