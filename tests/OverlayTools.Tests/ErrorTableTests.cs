using System.Management.Automation;
using System.Reflection;
using System.Text.RegularExpressions;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests;

/// <summary>docs/errors.md is true: of the ids there are, of their categories, and of the tests that provoke them.</summary>
public sealed partial class ErrorTableTests
{
    private static readonly string[] s_ofCmdlets = ["ContainerCommandMissing", "NativeCommandError"];

    [Fact]
    public void The_table_has_every_id_once_and_no_other()
    {
        var ids = Ids().Concat(s_ofCmdlets).Order(StringComparer.Ordinal);
        Assert.Equal(ids, Rows().Select(row => row.Id).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Each_category_and_what_to_do_are_those_that_are_used()
    {
        // Private: what a caller gets is an error record, made from an exception.
        var mapping = typeof(Commands.NewOverlayImageCommand).Assembly.GetType("OverlayTools.ErrorMapping", throwOnError: true)!;
        var make = mapping.GetMethod("ToErrorRecord", BindingFlags.Public | BindingFlags.Static)!;
        foreach (var row in Rows().Where(row => !s_ofCmdlets.Contains(row.Id)))
        {
            var record = (ErrorRecord)make.Invoke(null, [new EngineException(row.Id, "No."), "target"])!;
            Assert.Equal((row.Id, row.Category), (row.Id, record.CategoryInfo.Category.ToString()));
            Assert.NotEqual(ErrorCategory.NotSpecified, record.CategoryInfo.Category);
            Assert.Equal(row.Id, record.FullyQualifiedErrorId);
            Assert.Equal(row.WhatToDo, record.ErrorDetails?.RecommendedAction);
        }
    }

    [Fact]
    public void Each_test_exists_and_looks_for_the_id()
    {
        var sources = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var path in Directory.EnumerateFiles(Path.Combine(Machine.RepositoryRoot, "tests"), "*.*", SearchOption.AllDirectories))
        {
            if (path.EndsWith("Tests.cs", StringComparison.Ordinal) || path.EndsWith(".Tests.ps1", StringComparison.Ordinal))
                sources[Path.GetFileName(path)] = File.ReadAllText(path);
        }

        foreach (var row in Rows())
        {
            var body = row.Test.Contains(": ", StringComparison.Ordinal) ? OfPester(row.Test, sources) : OfXunit(row.Test, sources);
            Assert.True(body is not null, $"{row.Id}: there is no test '{row.Test}'.");
            // A line that would do with another id as well proves nothing of this one.
            Assert.True(body.Split('\n').Any(line => Regex.IsMatch(line, $@"\b{row.Id}\b") && !Regex.IsMatch(line, $@"{row.Id}\||\|{row.Id}| or ErrorIds\.")),
                $"{row.Id}: the test '{row.Test}' does not look for it.");
        }
    }

    private static string? OfXunit(string test, Dictionary<string, string> sources)
    {
        var (type, method) = (test[..test.IndexOf('.', StringComparison.Ordinal)], test[(test.IndexOf('.', StringComparison.Ordinal) + 1)..]);
        foreach (var source in sources.Values.Where(source => Regex.IsMatch(source, $@"\bclass {type}\b")))
        {
            // From the end of the test before, so that its data counts, to its own end.
            var start = source.IndexOf($" {method}(", StringComparison.Ordinal);
            if (start < 0)
                continue;
            var before = source.LastIndexOf("\n    }\n", start, StringComparison.Ordinal);
            var end = source.IndexOf("\n    }\n", start, StringComparison.Ordinal);
            return source[Math.Max(before, 0)..(end < 0 ? source.Length : end)];
        }

        return null;
    }

    private static string? OfPester(string test, Dictionary<string, string> sources)
    {
        var parts = test.Split(": ", 2);
        var source = sources.GetValueOrDefault(parts[0], string.Empty);
        var start = source.IndexOf($"It '{parts[1]}'", StringComparison.Ordinal);
        if (start < 0)
            return null;
        var end = source.IndexOf("\n    It '", start, StringComparison.Ordinal);
        return source[start..(end < 0 ? source.Length : end)];
    }

    private static IEnumerable<string> Ids() => typeof(ErrorIds).GetFields(BindingFlags.Public | BindingFlags.Static)
        .Where(field => field.IsLiteral).Select(field => (string)field.GetRawConstantValue()!);

    private static List<Row> Rows()
    {
        var text = File.ReadAllText(Path.Combine(Machine.RepositoryRoot, "docs", "errors.md"));
        return [.. TableRow().Matches(text).Select(match => new Row(
            match.Groups["id"].Value, match.Groups["category"].Value, match.Groups["todo"].Value.Replace("`", "", StringComparison.Ordinal),
            match.Groups["test"].Value))];
    }

    [GeneratedRegex(@"^\| `(?<id>\w+)` \| (?<category>\w+) \|.*\| (?<todo>[^|]+) \| `(?<test>[^`]+)` \|$", RegexOptions.Multiline)]
    private static partial Regex TableRow();

    private sealed record Row(string Id, string Category, string WhatToDo, string Test);
}
