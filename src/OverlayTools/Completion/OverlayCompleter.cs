using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;

namespace OverlayTools.Completion;

/// <summary>Completes overlays: image files and directories, each also with <c>:ro</c>.</summary>
public sealed class OverlayCompleter : IArgumentCompleter
{
    private static readonly string[] s_extensions = [".img", ".ext3", ".sqfs", ".squashfs", ".sif"];

    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters)
    {
        var word = wordToComplete.Trim('\'', '"');
        if (OverlayToolsPaths.Current is not { } current)
            yield break;

        var slash = word.LastIndexOf('/');
        var typedDirectory = slash < 0 ? string.Empty : word[..(slash + 1)];
        var directory = Path.Combine(current, typedDirectory);
        if (!Directory.Exists(directory))
            yield break;
        foreach (var entry in new DirectoryInfo(directory).EnumerateFileSystemInfos().OrderBy(entry => entry.Name, StringComparer.Ordinal))
        {
            var isDirectory = entry is DirectoryInfo;
            if (!entry.Name.StartsWith(word[typedDirectory.Length..], StringComparison.Ordinal)
                || (!isDirectory && !s_extensions.Contains(entry.Extension)))
            {
                continue;
            }

            var path = typedDirectory + entry.Name;
            yield return Result(path, isDirectory ? "directory, writable" : "image, writable");
            yield return Result(path + ":ro", isDirectory ? "directory, read-only" : "image, read-only");
        }
    }

    private static CompletionResult Result(string path, string what)
    {
        var text = path.IndexOfAny([' ', '\'', '"', '$', ';', '(', ')', ',', '&', '|', '`']) < 0
            ? path
            : $"'{CodeGeneration.EscapeSingleQuotedStringContent(path)}'";
        return new CompletionResult(text, path, CompletionResultType.ParameterValue, $"{path} ({what})");
    }
}
