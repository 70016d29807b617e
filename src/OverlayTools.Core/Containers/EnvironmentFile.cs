using System.Text;

namespace OverlayTools.Containers;

/// <summary>
/// Reads a file of variables, <c>NAME=value</c> lines in the syntax of the shell: quotes, backslashes, comments,
/// <c>$NAME</c> and <c>${NAME:-default}</c>. Nothing is ever executed: a command substitution is an error.
/// </summary>
public static class EnvironmentFile
{
    // The shell's own; a file cannot set them.
    private static readonly HashSet<string> s_dropped = ["EUID", "GID", "HOME", "IFS", "OPTIND", "PWD", "UID"];

    /// <summary>The variables, in the order of the file; a later one of the same name wins.</summary>
    /// <param name="text">The file's text.</param>
    /// <param name="path">Its path, for errors.</param>
    /// <param name="host">Variables that values may refer to.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.ContainerOptionInvalid"/>, with the line.</exception>
    public static IReadOnlyDictionary<string, string> Parse(
        string text, string path, IReadOnlyDictionary<string, string> host)
    {
        var reader = new Reader(text.ReplaceLineEndings("\n"), path, host);
        reader.Read();
        foreach (var name in s_dropped)
            reader.Variables.Remove(name);
        return reader.Variables;
    }

    private sealed class Reader(string text, string path, IReadOnlyDictionary<string, string> host)
    {
        private const string Export = "export";
        private int _position;

        public Dictionary<string, string> Variables { get; } = new(StringComparer.Ordinal);

        private char Current => _position < text.Length ? text[_position] : '\0';

        private bool AtEnd => _position >= text.Length;

        public void Read()
        {
            while (SkipToWord())
            {
                var name = Name();
                if (name == Export && Current is ' ' or '\t')
                    continue;
                if (name.Length == 0 || Current != '=')
                    throw Invalid("'NAME=value' is expected");
                _position++;
                Variables[name] = Value();
                if (!AtEnd && !char.IsWhiteSpace(Current) && Current is not (';' or '#'))
                    throw Invalid($"'{Current}' is not expected");
            }
        }

        private bool SkipToWord()
        {
            while (!AtEnd)
            {
                if (Current == '#')
                    _position = text.IndexOf('\n', _position) is var end and >= 0 ? end : text.Length;
                else if (char.IsWhiteSpace(Current) || Current == ';')
                    _position++;
                else
                    return true;
            }

            return false;
        }

        private string Name()
        {
            var start = _position;
            while (char.IsAsciiLetterOrDigit(Current) || Current == '_')
                _position++;
            var name = text[start.._position];
            return name.Length > 0 && char.IsAsciiDigit(name[0]) ? string.Empty : name;
        }

        private string Value()
        {
            var value = new StringBuilder();
            while (!AtEnd && !char.IsWhiteSpace(Current) && Current != ';')
                Piece(value, until: null);
            return value.ToString();
        }

        // One quoted string, reference, or character.
        private void Piece(StringBuilder value, char? until)
        {
            var character = text[_position++];
            switch (character)
            {
                case '\'' when until is null or '}':
                    var end = text.IndexOf('\'', _position);
                    if (end < 0)
                        throw Invalid("a quote is not closed");
                    value.Append(text, _position, end - _position);
                    _position = end + 1;
                    break;
                case '"' when until is null or '}':
                    Quoted(value, '"');
                    break;
                case '\\' when until == '"':
                    // Between double quotes a backslash means something only before these.
                    if (Current is not ('$' or '`' or '"' or '\\' or '\n'))
                        value.Append('\\');
                    else if (text[_position++] is var escaped and not '\n')
                        value.Append(escaped);
                    break;
                case '\\':
                    if (!AtEnd && text[_position++] is var next and not '\n')
                        value.Append(next);
                    break;
                case '$':
                    Reference(value);
                    break;
                case '`':
                    throw Invalid("commands are not executed");
                case '(' or ')' or '|' or '&' or '<' or '>' when until is null:
                    throw Invalid($"'{character}' has to be quoted");
                default:
                    value.Append(character);
                    break;
            }
        }

        private void Quoted(StringBuilder value, char until)
        {
            while (!AtEnd && Current != until)
                Piece(value, until);
            if (AtEnd)
                throw Invalid(until == '}' ? "a brace is not closed" : "a quote is not closed");
            _position++;
        }

        private void Reference(StringBuilder value)
        {
            if (Current == '(')
                throw Invalid("commands are not executed");
            if (Current != '{')
            {
                var plain = Name();
                value.Append(plain.Length == 0 ? "$" : ValueOf(plain));
                return;
            }

            _position++;
            var name = Name();
            if (name.Length == 0)
                throw Invalid("a reference has no name");
            var found = ValueOf(name);
            var colon = Current == ':';
            if (colon)
                _position++;
            var action = Current;
            if (action is not ('-' or '+' or '}') || (colon && action == '}'))
                throw Invalid($"'${{{name}{(colon ? ":" : string.Empty)}{action}' is not understood");
            if (action != '}')
                _position++;
            var alternative = new StringBuilder();
            Quoted(alternative, '}');
            var missing = found is null || (colon && found.Length == 0);
            value.Append(action switch
            {
                '-' => missing ? alternative.ToString() : found,
                '+' => missing ? string.Empty : alternative.ToString(),
                _ => found,
            });
        }

        private string? ValueOf(string name) =>
            Variables.TryGetValue(name, out var own) ? own : host.GetValueOrDefault(name);

        private EngineException Invalid(string why)
        {
            var line = text.AsSpan(0, Math.Min(_position, text.Length)).Count('\n') + 1;
            return new EngineException(ErrorIds.ContainerOptionInvalid, $"'{path}', line {line}: {why}.",
                "Write NAME=value in each line, and quote the value where it holds spaces or characters of the shell.", path);
        }
    }
}
