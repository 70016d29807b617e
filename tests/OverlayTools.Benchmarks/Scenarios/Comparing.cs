using System.Diagnostics;
using System.Globalization;
using OverlayTools.Overlays;

namespace OverlayTools.Benchmarks.Scenarios;

/// <summary>
/// An overlay that has the whole sample tree copied up, beside a base in squashfs that has the same: every file's content,
/// mode, owner, times and attributes are compared. <c>diff</c> compares contents alone, on kernel mounts.
/// </summary>
internal static class Comparing
{
    private const int RatedRuns = 3;

    public static IEnumerable<Scenario> All(Workplace place)
    {
        if (Environment.UserName != "root" || !Peer.AreHere("comparing", "mke2fs", "mksquashfs", "diff", "mount"))
            yield break;
        var tree = place.Tree;
        Peer.Run(place.Folder, Peer.Find("mke2fs")!, "-q", "-t", "ext3", "-F", "-d", tree, "compared.img", "1G");
        foreach (var compression in new[] { "gzip", "zstd" })
        {
            Peer.Run(place.Folder, Peer.Find("mksquashfs")!, Path.Combine(tree, "upper"), $"compared.{compression}", "-comp", compression,
                "-noappend", "-quiet", "-no-progress");
            yield return new Scenario(
                $"compare 50,000 files and one of 200 MB with a base in squashfs, {compression}",
                "mount both && diff -rq",
                () => Peer.RunShell(place.Folder, $"""
                    mkdir -p below above && mount -o loop,ro compared.{compression} below && mount -o loop,ro,noload compared.img above
                    diff -rq --no-dereference below above/upper; umount below above
                    """),
                () => Count(place, compression))
            {
                MostRuns = 7,
                SettlingRuns = 2,
            };
        }
    }

    /// <summary>How many files a second.</summary>
    public static void ReportRate(Workplace place)
    {
        if (!File.Exists(Path.Combine(place.Folder, "compared.gzip")))
            return;
        Report.Line("");
        foreach (var compression in new[] { "gzip", "zstd" })
        {
            var best = double.MaxValue;
            long files = 0;
            for (var run = 0; run < RatedRuns; run++)
            {
                var start = Stopwatch.GetTimestamp();
                files = Count(place, compression);
                best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
            }

            Report.Line(string.Create(CultureInfo.InvariantCulture,
                $"Compared with {compression}: {files} files and directories in {best:0.00} s, {files / best:0} a second."));
        }
    }

    private static long Count(Workplace place, string compression)
    {
        var summary = OverlayComparer.Summarize(new OverlayComparison
        {
            Path = Path.Combine(place.Folder, "compared.img"),
            BasePath = Path.Combine(place.Folder, $"compared.{compression}"),
        });
        return summary.CopiedUp == summary.Count && summary.Count > 50_000
            ? summary.Count
            : throw new InvalidOperationException($"{summary.CopiedUp} of {summary.Count} files are as in the base.");
    }
}
