using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;
using OverlayTools.Containers;

namespace OverlayTools.Completion;

/// <summary>Completes what a container can go without.</summary>
public sealed class NoMountCompleter : IArgumentCompleter
{
    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters) =>
        NoMountNames.All.Concat(NoMountNames.SharedFiles)
            .Where(name => name.StartsWith(wordToComplete.Trim('\'', '"'), StringComparison.OrdinalIgnoreCase))
            .Select(name => new CompletionResult(name));
}
