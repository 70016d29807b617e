using System.Collections.ObjectModel;
using System.Management.Automation;
using System.Management.Automation.Host;

namespace OverlayTools.Host;

/// <summary>
/// A question with a few answers, each with a key: <c>[Y] Yes  [N] No  [?] Help (default is "Y"):</c>
/// </summary>
internal sealed class ChoiceQuestion(
    ConsoleUserInterface console, Collection<ChoiceDescription> choices, int defaultChoice)
{
    private readonly List<Answer> _answers = choices.Select(Answer.From).ToList();

    /// <summary>Asks until there is an answer.</summary>
    /// <returns>The index of the choice.</returns>
    public int Ask(string caption, string message)
    {
        console.WriteHeading(caption, message);
        while (true)
        {
            console.Write(Line());
            var reply = console.ReadAnswer()?.Trim() ?? throw NoReply(message);
            if (reply.Length == 0 && defaultChoice >= 0)
                return defaultChoice;
            if (reply == "?")
                ShowHelp();
            else if (_answers.FindIndex(answer => answer.Is(reply)) is var index && index >= 0)
                return index;
        }
    }

    private string Line()
    {
        var answers = string.Concat(_answers.Select(answer => $"[{answer.Key}] {answer.Label}  "));
        var standard = defaultChoice >= 0 ? $" (default is \"{_answers[defaultChoice].Key}\")" : "";
        return $"{answers}[?] Help{standard}: ";
    }

    private void ShowHelp()
    {
        for (var index = 0; index < choices.Count; index++)
            console.WriteLine($"{_answers[index].Key} - {choices[index].HelpMessage}");
    }

    private static PSInvalidOperationException NoReply(string message) => new(
        $"Standard input ended before there was an answer to: {message} "
        + "Use -Confirm:$false or -Force where nobody answers.");

    /// <summary>An answer; the letter after <c>&amp;</c> in its label is its key.</summary>
    private sealed record Answer(string Key, string Label)
    {
        public static Answer From(ChoiceDescription choice)
        {
            var mark = choice.Label.IndexOf('&');
            var label = choice.Label.Replace("&", "");
            var key = mark >= 0 && mark < label.Length ? label[mark].ToString().ToUpperInvariant() : label;
            return new Answer(key, label);
        }

        public bool Is(string reply) =>
            reply.Equals(Key, StringComparison.OrdinalIgnoreCase)
            || reply.Equals(Label, StringComparison.OrdinalIgnoreCase);
    }
}
