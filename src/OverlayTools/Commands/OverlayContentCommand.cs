using System.Management.Automation;
using OverlayTools.Completion;

namespace OverlayTools.Commands;

/// <summary>What cmdlets on the content of overlays share: the overlays. Beside <see cref="ImageFileCommand"/>, they take
/// what they emit, which names its overlay <c>ImagePath</c>.</summary>
public abstract class OverlayContentCommand : OverlayToolsCommand
{
    /// <summary>The parameter set with wildcards.</summary>
    protected const string PathSet = "Path";

    /// <summary>The parameter set without.</summary>
    protected const string LiteralPathSet = "LiteralPath";

    /// <summary>Overlay images, SIF images with overlays, or directories with upper; wildcards are accepted.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = PathSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("ImagePath")]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] Path { get; set; } = [];

    /// <summary>The overlays; every character stands for itself.</summary>
    [Parameter(Mandatory = true, ParameterSetName = LiteralPathSet, ValueFromPipelineByPropertyName = true)]
    [Alias("FullName", "PSPath", "LP")]
    [ValidateNotNullOrEmpty]
    public string[] LiteralPath { get; set; } = [];

    /// <summary>The partition of a SIF image that has several overlays.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(SifObjectIdCompleter))]
    public uint? Id { get; set; }

    /// <summary>The overlays that are meant, each once.</summary>
    protected IEnumerable<string> Overlays()
    {
        var literal = ParameterSetName == LiteralPathSet;
        return ResolveExisting(literal ? LiteralPath : Path, literal);
    }
}
