using System.Collections;
using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Language;
using OverlayTools.Sif;

namespace OverlayTools.Completion;

/// <summary>Offers the ids of the objects in the image that <c>-Path</c> names, with what they are.</summary>
public class SifObjectIdCompleter : IArgumentCompleter
{
    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName, string parameterName, string wordToComplete, CommandAst commandAst,
        IDictionary fakeBoundParameters)
    {
        if (OverlayToolsPaths.First(fakeBoundParameters, "Path", "LiteralPath") is not { } path)
            return [];

        try
        {
            using var image = SifImage.Open(Resolve(path));
            return [.. Offer(image).Where(o => o.CompletionText.StartsWith(wordToComplete, StringComparison.Ordinal))];
        }
        catch (Exception error) when (ErrorMapping.Understands(error) || error is RuntimeException)
        {
            return []; // Nothing to offer; running the command will say why.
        }
    }

    /// <summary>What there is to offer.</summary>
    private protected virtual IEnumerable<CompletionResult> Offer(SifImage image) => image.Objects.Select(Describe);

    private protected static CompletionResult Describe(SifObject found) => new(
        Text(found.Id), $"{found.Id} {found.TypeText}", CompletionResultType.ParameterValue, ToolTip(found));

    private protected static string Text(uint id) => id.ToString(CultureInfo.InvariantCulture);

    private static string ToolTip(SifObject found)
    {
        var text = $"{found.TypeText}, {ByteSize.Format(found.SizeBytes)}";
        return found.Name.Length == 0 ? text : $"{text}, {found.Name}";
    }

    // The session's location is not the process's, and while a completion runs only a script can ask for it.
    private static string Resolve(string path) => (string)ScriptBlock
        .Create("$ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($args[0])")
        .Invoke(path)[0].BaseObject;
}
