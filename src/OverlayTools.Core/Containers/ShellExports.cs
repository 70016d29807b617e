using System.Text;

namespace OverlayTools.Containers;

/// <summary>Reads what a shell prints for <c>export -p</c>: POSIX wants it to be fit for reading again, but each shell
/// quotes in its own way.</summary>
public static class ShellExports
{
    private static readonly string[] s_commands = ["export", "declare", "typeset"];

    /// <summary>The variables that have a value.</summary>
    /// <param name="text">For example <c>export A='1'</c> or <c>declare -x A="1"</c>, one command after the other.</param>
    public static IReadOnlyDictionary<string, string> Parse(string text)
    {
        var variables = new Dictionary<string, string>(StringComparer.Ordinal);
        var expectCommand = true;
        foreach (var (word, endsLine) in Words(text))
        {
            // Options of the command are no variables.
            if (!(expectCommand && s_commands.Contains(word)) && !word.StartsWith('-') && word.IndexOf('=') is var equals and > 0)
                variables[word[..equals]] = word[(equals + 1)..];
            expectCommand = endsLine;
        }

        return variables;
    }

    private static IEnumerable<(string Word, bool EndsLine)> Words(string text)
    {
        var word = new StringBuilder();
        var inWord = false;
        for (var i = 0; i < text.Length; i++)
        {
            var character = text[i];
            if (character is ' ' or '\t' or '\n')
            {
                if (inWord)
                    yield return (word.ToString(), character == '\n');
                word.Clear();
                inWord = false;
                continue;
            }

            inWord = true;
            i = character switch
            {
                '\'' => Single(text, i + 1, word),
                '"' => Double(text, i + 1, word),
                '$' when i + 1 < text.Length && text[i + 1] == '\'' => Ansi(text, i + 2, word),
                '\\' when i + 1 < text.Length => Plain(text, i + 1, word),
                _ => Plain(text, i, word),
            };
        }

        if (inWord)
            yield return (word.ToString(), true);
    }

    // Each appends what it reads and returns the position of its last character.
    private static int Plain(string text, int position, StringBuilder word)
    {
        word.Append(text[position]);
        return position;
    }

    private static int Single(string text, int position, StringBuilder word)
    {
        var end = text.IndexOf('\'', position);
        end = end < 0 ? text.Length : end;
        word.Append(text, position, end - position);
        return end;
    }

    private static int Double(string text, int position, StringBuilder word)
    {
        for (; position < text.Length && text[position] != '"'; position++)
        {
            if (text[position] == '\\' && position + 1 < text.Length && text[position + 1] is '"' or '\\' or '$' or '`' or '\n')
                position++;
            word.Append(text[position]);
        }

        return position;
    }

    // $'...' of bash, ksh and zsh, for characters that cannot be printed.
    private static int Ansi(string text, int position, StringBuilder word)
    {
        for (; position < text.Length && text[position] != '\''; position++)
        {
            if (text[position] != '\\' || position + 1 == text.Length)
            {
                word.Append(text[position]);
                continue;
            }

            var escaped = text[++position];
            if (escaped is >= '0' and <= '7')
            {
                var code = 0;
                var digits = 0;
                for (; digits < 3 && position + digits < text.Length && text[position + digits] is >= '0' and <= '7'; digits++)
                    code = code << 3 | (text[position + digits] - '0');
                position += digits - 1;
                word.Append((char)code);
                continue;
            }

            word.Append(escaped switch
            {
                'n' => '\n', 't' => '\t', 'r' => '\r', 'a' => '\a', 'b' => '\b', 'f' => '\f', 'v' => '\v', 'e' or 'E' => '\x1b',
                var other => other,
            });
        }

        return position;
    }
}
