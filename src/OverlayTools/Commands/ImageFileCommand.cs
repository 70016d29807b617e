using System.Management.Automation;

namespace OverlayTools.Commands;

/// <summary>What cmdlets on files share: the files, as paths with wildcards or without.</summary>
public abstract class ImageFileCommand : OverlayToolsCommand
{
    /// <summary>The parameter set with wildcards.</summary>
    protected const string PathSet = "Path";

    /// <summary>The parameter set without.</summary>
    protected const string LiteralPathSet = "LiteralPath";

    /// <summary>The files; wildcards are accepted.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true,
        ParameterSetName = PathSet)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] Path { get; set; } = [];

    /// <summary>The files; every character stands for itself.</summary>
    [Parameter(Mandatory = true, ValueFromPipelineByPropertyName = true, ParameterSetName = LiteralPathSet)]
    [Alias("FullName", "PSPath", "LP")]
    [ValidateNotNullOrEmpty]
    public string[] LiteralPath { get; set; } = [];

    /// <summary>The files that are meant, each once.</summary>
    protected IEnumerable<string> Images()
    {
        var literal = ParameterSetName == LiteralPathSet;
        return ResolveExisting(literal ? LiteralPath : Path, literal);
    }

    /// <summary>Whether the user gave the parameter.</summary>
    protected bool IsBound(string parameter) => MyInvocation.BoundParameters.ContainsKey(parameter);
}
