using System.Globalization;

namespace OverlayTools.Benchmarks;

/// <summary>Prints what was measured, as a Markdown table.</summary>
internal static class Report
{
    public static void Header(Options options)
    {
        Line($"Machine: {MachineFacts.Describe()}; scratch folder on {MachineFacts.FileSystemOf(options.Scratch)}");
        Line($"Module: {ModuleAssemblies.Configuration()} build in bin/; this program: {MachineFacts.OwnConfiguration}");
        Line($"Runs: {options.Runs} of each side in turn after 2 warm-ups (11 of what takes long); min / median / max, "
            + "times in milliseconds");
        Line("");
    }

    public static void Table(IReadOnlyCollection<Comparison> comparisons)
    {
        if (comparisons.Count == 0)
            return;
        Line("| Scenario | Ratio (peer/ours) | Wanted | Ours | Peer | Peer is |");
        Line("|---|---:|---:|---:|---:|---|");
        foreach (var comparison in comparisons)
        {
            var wanted = comparison.Scenario.Wanted?.ToString("0.0#", CultureInfo.InvariantCulture);
            Line($"| {comparison.Scenario.Name} | {Show(comparison.Ratio)} | {wanted} "
                + $"| {Show(comparison.Ours)} | {Show(comparison.Peer)} | `{comparison.Scenario.PeerName}` |");
        }

        Line("");
    }

    public static void Parts(string title, IEnumerable<(string Name, Sample Sample)> parts)
    {
        Line($"| {title} | ms |");
        Line("|---|---:|");
        foreach (var (name, sample) in parts)
            Line($"| {name} | {Show(sample)} |");
        Line("");
    }

    public static void Line(string text) => Console.WriteLine(text);

    private static string Show(Sample sample) => string.Create(CultureInfo.InvariantCulture,
        $"{sample.Minimum:0.0} / {sample.Median:0.0} / {sample.Maximum:0.0}");
}
