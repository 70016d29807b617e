using System.Management.Automation;

namespace OverlayTools.Commands;

/// <summary>What cmdlets on SIF images share: the images, as paths with wildcards or without.</summary>
public abstract class SifImageCommand : OverlayToolsCommand
{
    /// <summary>The parameter set with wildcards.</summary>
    protected const string PathSet = "Path";

    /// <summary>The parameter set without.</summary>
    protected const string LiteralPathSet = "LiteralPath";

    /// <summary>The images; wildcards are allowed.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true,
        ParameterSetName = PathSet)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] Path { get; set; } = [];

    /// <summary>The images; every character stands for itself.</summary>
    [Parameter(Mandatory = true, ValueFromPipelineByPropertyName = true, ParameterSetName = LiteralPathSet)]
    [Alias("PSPath", "FullName", "LP")]
    [ValidateNotNullOrEmpty]
    public string[] LiteralPath { get; set; } = [];

    /// <summary>The images that are meant, each once.</summary>
    protected IEnumerable<string> Images()
    {
        var literal = ParameterSetName == LiteralPathSet;
        return ResolveExisting(literal ? LiteralPath : Path, literal);
    }

    /// <summary>Says that nothing kept other programs from writing meanwhile.</summary>
    protected void WarnIfUnlocked(string path, bool locked)
    {
        if (!locked)
            WriteWarning(
                $"The file system of '{path}' knows no locks: nothing would have kept another program from writing.");
    }

    /// <summary>Whether the user gave the parameter.</summary>
    protected bool IsBound(string parameter) => MyInvocation.BoundParameters.ContainsKey(parameter);
}
