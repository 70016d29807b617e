namespace OverlayTools.Containers;

/// <summary>What the command's standard streams are.</summary>
/// <param name="PipesInput">Whether the caller feeds its standard input; otherwise it has the caller's own.</param>
/// <param name="PipesOutput">Whether the caller reads its standard output and error; otherwise they are the caller's own.</param>
public sealed record ContainerStreams(bool PipesInput, bool PipesOutput)
{
    /// <summary>All are the caller's own.</summary>
    public static readonly ContainerStreams Inherited = new(PipesInput: false, PipesOutput: false);
}
