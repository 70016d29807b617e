using System.Runtime.InteropServices;

namespace OverlayTools.Native;

/// <summary>Who runs this process (<c>geteuid(2)</c> and friends).</summary>
internal static partial class User
{
    [LibraryImport("libc", EntryPoint = "geteuid")]
    public static partial uint EffectiveId();

    [LibraryImport("libc", EntryPoint = "getegid")]
    public static partial uint EffectiveGroupId();
}
