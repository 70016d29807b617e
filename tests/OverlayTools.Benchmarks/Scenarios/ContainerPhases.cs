using System.Globalization;

namespace OverlayTools.Benchmarks.Scenarios;

/// <summary>Where the time of a container goes, as <c>Invoke-ContainerWithOverlay -Verbose</c> says it.</summary>
internal static class ContainerPhases
{
    private const string Heading = "Phases, in ms: ";
    private const int Settling = 20;

    /// <summary>Prints a table for each identity that this user can have.</summary>
    public static void ReportAll(Workplace place)
    {
        _ = place.Image;
        bool[] identities = Environment.UserName == "root" ? [false] : [false, true];
        foreach (var fakeRoot in identities)
        {
            var image = fakeRoot ? "phases-root.img" : "phases.img";
            var option = fakeRoot ? " -FakeRoot" : "";
            place.Session.Run($"New-OverlayImage {image}{option}");
            var name = fakeRoot ? "fake root" : Environment.UserName == "root" ? "root" : "an ordinary user";
            List<(string Name, List<(string Phase, Sample Time)> Phases)> columns =
            [
                ("no-op, no overlay", Measure(place, option, ["true"])),
                ("no-op, ext3 overlay", Measure(place, $"{option} -Overlay {image}", ["true"])),
                ("500 small files, ext3 overlay", Measure(place, $"{option} -Overlay {image}", ["sh", "-c", NoOpContainer.SmallFiles])),
            ];
            Print(name, columns);
        }
    }

    private static List<(string Phase, Sample Time)> Measure(Workplace place, string options, string[] command)
    {
        var words = string.Join(' ', command.Select(word => $"'{word}'"));
        var line = $"Invoke-ContainerWithOverlay busybox.sif -Engine Native{options} -Verbose -- {words}";
        for (var i = 0; i < Settling; i++)
            place.Session.Run(line);
        var times = new Dictionary<string, List<double>>(StringComparer.Ordinal);
        for (var run = 0; run < place.Options.Runs; run++)
        {
            var said = place.Session.Verbose(line).Single(text => text.StartsWith(Heading, StringComparison.Ordinal));
            foreach (var phase in said[Heading.Length..].TrimEnd('.').Split(", "))
            {
                var space = phase.LastIndexOf(' ');
                var milliseconds = double.Parse(phase.AsSpan(space + 1), CultureInfo.InvariantCulture);
                if (!times.TryGetValue(phase[..space], out var found))
                    times[phase[..space]] = found = [];
                found.Add(milliseconds);
            }
        }

        return [.. times.Select(pair => (pair.Key, Sample.Of(pair.Value)))];
    }

    private static void Print(string identity, List<(string Name, List<(string Phase, Sample Time)> Phases)> columns)
    {
        Report.Line($"| Phases, {identity}: median ms | {string.Join(" | ", columns.Select(column => column.Name))} |");
        Report.Line("|---|" + string.Concat(columns.Select(_ => "---:|")));
        foreach (var phase in columns.MaxBy(column => column.Phases.Count).Phases.Select(phase => phase.Phase))
        {
            var cells = columns.Select(column => column.Phases.Where(found => found.Phase == phase)
                .Select(found => found.Time.Median.ToString("0.0", CultureInfo.InvariantCulture)).DefaultIfEmpty("").First());
            Report.Line($"| {phase} | {string.Join(" | ", cells)} |");
        }

        Report.Line("");
    }
}
