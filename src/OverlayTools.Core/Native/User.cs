using System.Runtime.InteropServices;

namespace OverlayTools.Native;

/// <summary>Who runs this process (<c>geteuid(2)</c> and friends).</summary>
internal static partial class User
{
    [LibraryImport("libc", EntryPoint = "geteuid")]
    public static partial uint EffectiveId();

    [LibraryImport("libc", EntryPoint = "getegid")]
    public static partial uint EffectiveGroupId();

    [LibraryImport("libc", EntryPoint = "getgroups", SetLastError = true)]
    private static partial int GetGroups(int size, Span<uint> groups);

    /// <summary>The groups that this process is in besides the first.</summary>
    public static uint[] Groups()
    {
        while (true)
        {
            var groups = new uint[Math.Max(0, GetGroups(0, []))];
            var count = GetGroups(groups.Length, groups);
            // More of them than a moment ago: once more.
            if (count >= 0)
                return groups[..count];
            if (Marshal.GetLastPInvokeError() != Errno.EINVAL)
                return [];
        }
    }
}
