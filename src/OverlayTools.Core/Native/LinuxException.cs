using System.Runtime.InteropServices;

namespace OverlayTools.Native;

/// <summary>A system call that failed: which one, with what error number, on which path.</summary>
public sealed class LinuxException : IOException
{
    /// <summary>Makes the exception for a failed call.</summary>
    /// <param name="function">The function's name as in its manual page, for example <c>open</c>.</param>
    /// <param name="errno">The error number it left.</param>
    /// <param name="path">The path that the call was about, if any.</param>
    public LinuxException(string function, int errno, string? path = null)
        : base(Describe(function, errno, path), errno)
    {
        Function = function;
        ErrorNumber = errno;
        Path = path;
    }

    /// <summary>The function's name.</summary>
    public string Function { get; }

    /// <summary>The error number (<c>errno</c>).</summary>
    public int ErrorNumber { get; }

    /// <summary>The path that the call was about, or null.</summary>
    public string? Path { get; }

    /// <summary>The exception for the P/Invoke call that has just failed on this thread.</summary>
    /// <param name="function">The function's name.</param>
    /// <param name="path">The path that the call was about, if any.</param>
    internal static LinuxException Last(string function, string? path = null) =>
        new(function, Marshal.GetLastPInvokeError(), path);

    private static string Describe(string function, int errno, string? path) =>
        path is null
            ? $"{function}: {Marshal.GetPInvokeErrorMessage(errno)}"
            : $"{path}: {Marshal.GetPInvokeErrorMessage(errno)} ({function})";
}
