using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;
using OverlayTools.Containers.Instances;

namespace OverlayTools.Completion;

/// <summary>Offers the names of the user's instances.</summary>
public sealed class InstanceNameCompleter : IArgumentCompleter
{
    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters)
    {
        var word = wordToComplete.Trim('\'', '"');
        try
        {
            return [.. InstanceFinder.Names().Where(name => name.StartsWith(word, StringComparison.Ordinal)).Select(name => new CompletionResult(name))];
        }
        catch (Exception error) when (ErrorMapping.Understands(error))
        {
            return [];
        }
    }
}
