using System.Collections;
using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Language;

namespace OverlayTools.Completion;

/// <summary>Offers the names of signals.</summary>
public sealed class SignalCompleter : IArgumentCompleter
{
    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters) =>
        SignalTransformationAttribute.Signals
            .Where(signal => signal.Key.StartsWith(wordToComplete.Trim('\'', '"'), StringComparison.OrdinalIgnoreCase))
            .Select(signal => new CompletionResult(signal.Key, signal.Key, CompletionResultType.ParameterValue,
                string.Create(CultureInfo.InvariantCulture, $"SIG{signal.Key}, signal {signal.Value}")));
}
