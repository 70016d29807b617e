namespace OverlayTools.Init;

/// <summary>What is mounted in this mount namespace (<c>/proc/self/mountinfo</c>, fifth field: the mount point).</summary>
internal static class MountTable
{
    public static bool Has(string mountPoint) =>
        File.ReadLines("/proc/self/mountinfo").Any(line => line.Split(' ', 6)[4] == mountPoint);
}
