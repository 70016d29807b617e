using System.Globalization;
using OverlayTools.Overlays;

namespace OverlayTools.Benchmarks;

/// <summary>The most memory that the engine has while it works on 1 TiB, in a process of its own.</summary>
internal static class PeakMemory
{
    private const long SizeBytes = 1L << 40;
    private const int WantedMebibytes = 100;

    private static readonly string[] s_kinds = ["nothing", "create", "check", "describe"];

    /// <summary>Runs each kind of work in a process of its own and prints what it took.</summary>
    public static void ReportAll(Workplace place)
    {
        Report.Line($"| 1 TiB: peak memory of a process (VmHWM) | MiB (below {WantedMebibytes} is wanted) |");
        Report.Line("|---|---:|");
        foreach (var kind in s_kinds)
        {
            var said = Peer.Read(place.Folder, OrdinaryUser.DotnetProgram(),
                Environment.GetCommandLineArgs()[0], "--memory", kind, "memory.img");
            Report.Line($"| {(kind == "nothing" ? "nothing: the runtime alone" : kind)} | {said.Trim()} |");
        }

        place.Remove("memory.img");
        Report.Line("");
    }

    /// <summary>Does one kind of work, and prints the peak.</summary>
    public static void Run(string kind, string path)
    {
        switch (kind)
        {
            case "create":
                OverlayCreator.Create(new OverlayCreation { Path = path, SizeBytes = SizeBytes, UserId = 0, GroupId = 0 });
                break;
            case "check":
                Check(path);
                break;
            case "describe":
                Describe(path);
                break;
        }

        var line = File.ReadLines("/proc/self/status").First(found => found.StartsWith("VmHWM:", StringComparison.Ordinal));
        var kibibytes = long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture);
        Report.Line((kibibytes / 1024.0).ToString("0.0", CultureInfo.InvariantCulture));
    }

    private static void Check(string path)
    {
        if (!OverlayTester.Test(path).All(check => check.FileSystem.IsSound))
            throw new InvalidOperationException("The image is not sound.");
    }

    private static void Describe(string path)
    {
        using var file = File.OpenHandle(path);
        OverlayReader.Describe(file, path, null, 0, SizeBytes);
    }
}
