using System.Reflection;

namespace OverlayTools.Benchmarks;

/// <summary>What the numbers depend on.</summary>
internal static class MachineFacts
{
    public static string OwnConfiguration =>
        typeof(MachineFacts).Assembly.GetCustomAttribute<AssemblyConfigurationAttribute>()?.Configuration ?? "unknown";

    public static string Describe()
    {
        var kernel = File.ReadAllText("/proc/sys/kernel/osrelease").Trim();
        var load = File.ReadAllText("/proc/loadavg").Split(' ')[0];
        return $"Linux {kernel}, {Environment.ProcessorCount} x {Processor()}, load {load} at the start, "
            + $".NET {Environment.Version}, user {Environment.UserName}";
    }

    public static string FileSystemOf(string directory) => new DriveInfo(directory).DriveFormat;

    private static string Processor() =>
        File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))
            ?.Split(':', 2)[1].Trim() ?? "processor";
}
