using OverlayTools.Native;

namespace OverlayTools.IO;

/// <summary>Tells a full disk from one that is broken.</summary>
internal static class FullDisk
{
    /// <summary>Whether a write failed because there was no room, or no more room for this user.</summary>
    /// <param name="error">What it failed with; on Unix, the runtime leaves the error number in <c>HResult</c>.</param>
    public static bool Caused(IOException error) => error.HResult is Errno.ENOSPC or Errno.EDQUOT;
}
