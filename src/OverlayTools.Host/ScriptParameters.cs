using System.Management.Automation.Runspaces;

namespace OverlayTools.Host;

/// <summary>
/// The words after a script's path as its parameters: everything is text, nothing is evaluated (about_Pwsh, -File).
/// </summary>
internal static class ScriptParameters
{
    /// <summary>
    /// <c>-Name</c> is a parameter whose value, if it takes one, is the next word; <c>-Name:value</c> carries it along,
    /// where <c>$true</c> and <c>$false</c> are Booleans, so that switches can be turned off; a last <c>-Name:</c>
    /// without a value counts for nothing; the rest is positional.
    /// </summary>
    public static IEnumerable<CommandParameter> Parse(IEnumerable<string> words)
    {
        string? waiting = null;
        foreach (var word in words)
        {
            if (waiting is not null)
            {
                yield return new CommandParameter(waiting, word);
                waiting = null;
            }
            else if (word.Length < 2 || !IsDash(word[0]))
            {
                yield return new CommandParameter(null, word);
            }
            else if (word.IndexOf(':') is var colon && colon < 0)
            {
                yield return new CommandParameter(word);
            }
            else if (colon == word.Length - 1)
            {
                waiting = word.TrimEnd(':');
            }
            else
            {
                yield return new CommandParameter(word[..colon], Value(word[(colon + 1)..]));
            }
        }
    }

    // The language takes the typographical dashes too.
    private static bool IsDash(char letter) => letter is '-' or '\u2013' or '\u2014' or '\u2015';

    private static object Value(string text) => text.ToLowerInvariant() switch
    {
        "$true" or "true" => true,
        "$false" or "false" => false,
        _ => text,
    };
}
