using System.Text;
using OverlayTools.Host.Native;

namespace OverlayTools.Host;

/// <summary>What is at the other end of the standard streams, and what it can show.</summary>
internal static class Terminal
{
    // What pwsh assumes when there is no terminal.
    private static readonly (int Columns, int Rows) s_assumedSize = (80, 24);

    private static readonly bool s_isCapable =
        string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"))
        && Environment.GetEnvironmentVariable("TERM") is not (null or "" or "dumb");

    /// <summary>Whether standard output may carry colours.</summary>
    public static bool ColorsOutput { get; } = s_isCapable && !Console.IsOutputRedirected;

    /// <summary>Whether standard error may carry colours.</summary>
    public static bool ColorsError { get; } = s_isCapable && !Console.IsErrorRedirected;

    /// <summary>Whether a line on standard error can be replaced by the next.</summary>
    public static bool CanRewriteErrorLine { get; } =
        !Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") is not (null or "" or "dumb");

    /// <summary>Columns and rows: of the terminal at any standard stream, output first.</summary>
    public static (int Columns, int Rows) Size =>
        Libc.WindowSize(1) ?? Libc.WindowSize(2) ?? Libc.WindowSize(0) ?? s_assumedSize;

    /// <summary>
    /// Plain streams instead of the runtime's console, which changes the terminal's settings beneath the programs that
    /// run in it.
    /// </summary>
    public static void TakeOverStreams(TextReader input)
    {
        Console.SetIn(input);
        Console.SetOut(Writer(Console.OpenStandardOutput()));
        Console.SetError(Writer(Console.OpenStandardError()));
    }

    private static StreamWriter Writer(Stream stream) =>
        new(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)) { AutoFlush = true };
}
