using System.Collections;
using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Language;
using OverlayTools.Overlays;

namespace OverlayTools.Completion;

/// <summary>Offers owners: the caller, root, and the users of this machine.</summary>
public sealed class OwnerCompleter : IArgumentCompleter
{
    private const uint LeastOrdinaryId = 1000; // login.defs(5), UID_MIN
    private const int Most = 50;

    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters)
    {
        var word = wordToComplete.Trim('\'', '"');
        var caller = OverlayOwner.Caller;
        return LocalUsers().Prepend(("root", OverlayOwner.Root)).Prepend((Environment.UserName, caller))
            .DistinctBy(user => user.Item2)
            .SelectMany(user => new[] { (Text: user.Item2.ToString(), user), (Text: user.Item1, user) })
            .Where(choice => choice.Text.StartsWith(word, StringComparison.Ordinal))
            .Take(Most)
            .Select(choice => new CompletionResult(
                choice.Text, choice.Text, CompletionResultType.ParameterValue, $"{choice.user.Item1}, {choice.user.Item2}"));
    }

    // Those of a directory service are not listed: there may be very many.
    private static IEnumerable<(string Name, OverlayOwner Owner)> LocalUsers()
    {
        string[] lines;
        try
        {
            lines = File.ReadAllLines("/etc/passwd");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            yield break;
        }

        foreach (var fields in lines.Select(line => line.Split(':')).Where(fields => fields.Length >= 4))
        {
            if (uint.TryParse(fields[2], NumberStyles.None, CultureInfo.InvariantCulture, out var user)
                && uint.TryParse(fields[3], NumberStyles.None, CultureInfo.InvariantCulture, out var group)
                && user is >= LeastOrdinaryId and not 65534)
                yield return (fields[0], new OverlayOwner(user, group));
        }
    }
}
