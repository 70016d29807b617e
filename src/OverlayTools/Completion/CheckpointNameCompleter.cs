using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;
using OverlayTools.Overlays;

namespace OverlayTools.Completion;

/// <summary>Completes names of checkpoints of the image that the command names.</summary>
public sealed class CheckpointNameCompleter : IArgumentCompleter
{
    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters)
    {
        if (OverlayToolsPaths.Current is not { } current || OverlayToolsPaths.First(fakeBoundParameters, "Path", "LiteralPath") is not { } image)
            return [];
        try
        {
            return [.. OverlayCheckpoints.List(Path.GetFullPath(image, current))
                .Where(checkpoint => checkpoint.Name.StartsWith(wordToComplete, StringComparison.OrdinalIgnoreCase))
                .Reverse().DistinctBy(checkpoint => checkpoint.Name)
                .Select(checkpoint => new CompletionResult(checkpoint.Name, checkpoint.Name, CompletionResultType.ParameterValue,
                    $"{checkpoint.Created.LocalDateTime:yyyy-MM-dd HH:mm:ss}, {ByteSize.Format(checkpoint.AllocatedBytes)} on the disk"))];
        }
        catch (Exception error) when (ErrorMapping.Understands(error))
        {
            return []; // Nothing to offer; running the command will say why.
        }
    }
}
