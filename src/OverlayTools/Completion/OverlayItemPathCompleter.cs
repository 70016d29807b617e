using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;
using OverlayTools.Overlays;

namespace OverlayTools.Completion;

/// <summary>Completes paths inside the overlay that the command names.</summary>
public sealed class OverlayItemPathCompleter : IArgumentCompleter
{
    private const int Most = 500;

    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters)
    {
        var word = wordToComplete.Trim('\'', '"');
        if (OverlayToolsPaths.First(fakeBoundParameters, "Image", "Path", "LiteralPath") is not { } image || OverlayToolsPaths.Current is not { } current)
            return [];
        var slash = word.LastIndexOf('/');
        var directory = slash < 0 ? "/" : word[..(slash + 1)];
        var query = new OverlayItemQuery
        {
            Path = Path.GetFullPath(image, current),
            Id = LanguagePrimitives.TryConvertTo<uint?>(fakeBoundParameters["Id"], out var id) ? id : null,
            ItemPath = directory,
            Depth = 1,
        };
        try
        {
            var start = directory.TrimEnd('/').Length + 1;
            return [.. OverlayItemReader.Read(query)
                .Where(item => item.ItemPath.Length > start && item.Name.StartsWith(word[(slash + 1)..], StringComparison.Ordinal))
                .Take(Most).Select(Result)];
        }
        catch (Exception error) when (ErrorMapping.Understands(error))
        {
            return []; // Nothing to offer; running the command will say why.
        }
    }

    private static CompletionResult Result(OverlayItem item)
    {
        var text = item.ItemPath.IndexOfAny([' ', '\'', '"', '$', ';', '(', ')', ',', '&', '|', '`', '[', ']', '{', '}']) < 0
            ? item.ItemPath
            : $"'{CodeGeneration.EscapeSingleQuotedStringContent(item.ItemPath)}'";
        return new CompletionResult(text, item.Name, CompletionResultType.ParameterValue,
            item.ItemType == OverlayItemType.File
                ? $"{item.Meaning}, {ByteSize.Format(item.SizeBytes)}"
                : $"{item.ItemType}, {item.Meaning}");
    }
}
