namespace OverlayTools;

/// <summary>A failure that the engine understands: which one, on what, and what to do next.</summary>
/// <param name="errorId">One of <see cref="ErrorIds"/>.</param>
/// <param name="message">What happened, in a sentence for the user.</param>
/// <param name="recommendedAction">What to do next, or null when the message says it all.</param>
/// <param name="target">The path or object that the failure is about.</param>
/// <param name="inner">What caused it.</param>
public sealed class EngineException(
    string errorId, string message, string? recommendedAction = null, object? target = null, Exception? inner = null)
    : Exception(message, inner)
{
    /// <summary>The stable word of <see cref="ErrorIds"/> that names the cause.</summary>
    public string ErrorId { get; } = errorId;

    /// <summary>What to do next, or null.</summary>
    public string? RecommendedAction { get; } = recommendedAction;

    /// <summary>The path or object that the failure is about, or null.</summary>
    public object? Target { get; } = target;

    /// <summary>What happened, and what to do next: what <c>Format-List -Force</c> shows of an error record. Where in the
    /// program it happened is of no use to who reads that, and is in <see cref="Exception.StackTrace"/>.</summary>
    public override string ToString() => RecommendedAction is null ? Message : $"{Message} {RecommendedAction}";

    /// <summary>The same failure, naming the file that it is about.</summary>
    internal EngineException About(string file) => new(ErrorId, $"'{file}': {Message}", RecommendedAction, Target ?? file, this);
}
