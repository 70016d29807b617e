using System.Management.Automation;
using System.Management.Automation.Internal;

namespace OverlayTools.Host;

/// <summary>Text with the colours of <c>$PSStyle</c>, and without.</summary>
internal static class Style
{
    private const char Escape = '\u001b';

    /// <summary>The text without the escape sequences of colours.</summary>
    public static string Plain(string? text) =>
        text is not null && text.Contains(Escape)
            ? new StringDecorated(text).ToString(OutputRendering.PlainText)
            : text ?? "";

    /// <summary>An error's text; one that the formatting view has coloured stays as it is.</summary>
    public static string Error(string text) =>
        text.Contains(Escape) ? text : With(PSStyle.Instance.Formatting.Error, text);

    public static string Warning(string text) => With(PSStyle.Instance.Formatting.Warning, text);

    public static string Verbose(string text) => With(PSStyle.Instance.Formatting.Verbose, text);

    public static string Debug(string text) => With(PSStyle.Instance.Formatting.Debug, text);

    /// <summary>
    /// The text in console colours; <see cref="ConsoleRawUserInterface.Unset"/> leaves the terminal's own.
    /// </summary>
    public static string Colored(string text, ConsoleColor foreground, ConsoleColor background)
    {
        var codes = Code(foreground, PSStyle.MapForegroundColorToEscapeSequence)
            + Code(background, PSStyle.MapBackgroundColorToEscapeSequence);
        return codes.Length > 0 ? With(codes, text) : text;
    }

    private static string Code(ConsoleColor color, Func<ConsoleColor, string> map) =>
        color == ConsoleRawUserInterface.Unset ? "" : map(color);

    private static string With(string codes, string text) => codes + text + PSStyle.Instance.Reset;
}
