using System.Globalization;

namespace OverlayTools.Native;

/// <summary>Which capabilities this process has (<c>proc_pid_status(5)</c>).</summary>
internal static class Capabilities
{
    private const int SystemAdministration = 21;
    private const string Line = "CapEff:";

    /// <summary>Whether it may mount file systems, <c>CAP_SYS_ADMIN</c>.</summary>
    public static bool MayMount()
    {
        var set = File.ReadLines("/proc/self/status").FirstOrDefault(line => line.StartsWith(Line, StringComparison.Ordinal));
        return set is not null
            && ulong.TryParse(set.AsSpan(Line.Length).Trim(), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var bits)
            && (bits >> SystemAdministration & 1) != 0;
    }
}
