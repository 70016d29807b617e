using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;
using System.Management.Automation.Runspaces;

namespace OverlayTools;

/// <summary>
/// Turns what the parameter binder made of a command line back into what a native command would have got. To the
/// binder <c>ro,noexec</c> is an array; for a native command it is one word, while an array in a variable is several.
/// Only the script's text tells them apart.
/// </summary>
internal static class NativeArguments
{
    /// <summary>The words for the command, as PowerShell would pass them to a native one: <c>$null</c> is dropped, an
    /// empty string stays, numbers keep their spelling.</summary>
    /// <param name="bound">The value of the parameter that takes the remaining arguments.</param>
    /// <param name="invocation">Where the command stands in the script.</param>
    public static IReadOnlyList<string> FromBound(object?[] bound, InvocationInfo invocation)
    {
        var literals = bound.Any(IsList) || bound.Length > 1 ? CommaWords(invocation) : [];
        // A comma-separated word that is all there is arrives as the array itself.
        if (literals is [{ IsOnlyArgument: true } only] && only.Count == bound.Length && !bound.Any(IsList))
            return [only.Join(bound)];

        var words = new List<string>();
        var remaining = new Queue<CommaWord>(literals);
        foreach (var value in bound)
        {
            if (Unwrap(value) is not IList list)
            {
                AddWord(words, value);
            }
            else if (TakeMatching(remaining, list) is { } literal)
            {
                words.Add(literal.Join(list));
            }
            else
            {
                foreach (var item in list)
                    AddWord(words, item);
            }
        }

        return words;
    }

    private static void AddWord(List<string> words, object? value)
    {
        if (Unwrap(value) is not null)
            words.Add(LanguagePrimitives.ConvertTo<string>(value));
    }

    private static bool IsList(object? value) => Unwrap(value) is IList;

    private static object? Unwrap(object? value) => value is PSObject wrapped ? wrapped.BaseObject : value;

    // Commas in the script and arrays among the values come in the same order; an array between them that fits no
    // literal came from a variable.
    private static CommaWord? TakeMatching(Queue<CommaWord> literals, IList list)
    {
        if (!literals.TryPeek(out var next) || !next.Fits(list))
            return null;
        return literals.Dequeue();
    }

    private static List<CommaWord> CommaWords(InvocationInfo invocation)
    {
        if (FindCommand(invocation) is not { } command)
            return [];
        var words = command.CommandElements.OfType<ArrayLiteralAst>().ToList();
        var separator = command.CommandElements.ToList().FindIndex(element => element.Extent.Text == "--");
        var isOnly = separator >= 0 && separator == command.CommandElements.Count - 2;
        return [.. words
            .Where(word => separator < 0 || word.Extent.StartOffset > command.CommandElements[separator].Extent.StartOffset)
            .Select(word => new CommaWord(word, isOnly))];
    }

    // The call stack has the script that is running; the invocation has the place in it.
    private static CommandAst? FindCommand(InvocationInfo invocation)
    {
        var frames = Runspace.DefaultRunspace?.Debugger?.GetCallStack() ?? [];
        foreach (var frame in frames)
        {
            if (frame.Position?.StartScriptPosition?.GetFullScript() is not { Length: > 0 } script)
                continue;
            var found = Parser.ParseInput(script, out _, out _).FindAll(
                ast => ast is CommandAst command && StandsAt(command, invocation), searchNestedScriptBlocks: true);
            if (found.OfType<CommandAst>().FirstOrDefault() is { } command)
                return command;
        }

        return null;
    }

    private static bool StandsAt(CommandAst command, InvocationInfo invocation) =>
        command.Extent.StartLineNumber == invocation.ScriptLineNumber
        && command.Extent.StartColumnNumber == invocation.OffsetInLine
        && string.Equals(command.GetCommandName(), invocation.InvocationName, StringComparison.OrdinalIgnoreCase);

    /// <summary>A word with commas, as it stands in the script.</summary>
    private sealed class CommaWord(ArrayLiteralAst ast, bool isOnlyArgument)
    {
        public bool IsOnlyArgument { get; } = isOnlyArgument;

        public int Count => ast.Elements.Count;

        public bool Fits(IList list) =>
            list.Count == Count && ast.Elements.Zip(list.Cast<object?>()).All(pair =>
                Constant(pair.First) is not { } text || text == Text(pair.First, pair.Second));

        public string Join(IList values) =>
            string.Join(',', ast.Elements.Zip(values.Cast<object?>()).Select(pair => Text(pair.First, pair.Second)));

        // Numbers keep the spelling of the script: 007, 1GB.
        private static string Text(ExpressionAst element, object? value) =>
            element is ConstantExpressionAst and not StringConstantExpressionAst
                ? element.Extent.Text
                : LanguagePrimitives.ConvertTo<string>(value);

        private static string? Constant(ExpressionAst element) => element switch
        {
            StringConstantExpressionAst text => text.Value,
            ConstantExpressionAst constant => constant.Extent.Text,
            _ => null,
        };
    }
}
