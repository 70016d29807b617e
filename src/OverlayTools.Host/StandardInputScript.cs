using System.Management.Automation.Language;
using System.Text;

namespace OverlayTools.Host;

/// <summary>
/// Runs the script on standard input statement by statement, so that what it runs can read the lines after it. As in
/// pwsh, a statement of several lines ends with an empty line, here only if it is complete; at the end it need not.
/// </summary>
internal sealed class StandardInputScript(Session session, StandardInput input)
{
    private bool _succeeded = true;

    public int Run()
    {
        var block = new StringBuilder();
        while (ReadLine() is { } line)
        {
            block.Append(block.Length > 0 ? "\n" : "").Append(line);
            var isOneLine = block.Length == line.Length;
            if ((isOneLine || string.IsNullOrWhiteSpace(line)) && IsComplete(block.ToString()))
                Execute(block);
        }

        Execute(block);
        return session.ExitCode ?? (_succeeded ? 0 : 1);
    }

    /// <summary>Whether the text can be run as it is, be it wrong.</summary>
    public static bool IsComplete(string text)
    {
        Parser.ParseInput(text, out _, out var errors);
        return !errors.Any(error => error.IncompleteInput);
    }

    /// <summary>The next line; null at the end, and when a signal or <c>exit</c> says so.</summary>
    private string? ReadLine()
    {
        if (session.ExitCode is not null)
            return null;
        try
        {
            return input.ReadLine();
        }
        catch (OperationCanceledException)
        {
            _succeeded = false;
            return null;
        }
    }

    private void Execute(StringBuilder block)
    {
        var text = block.ToString();
        block.Clear();
        if (string.IsNullOrWhiteSpace(text) || session.ExitCode is not null)
            return;
        input.Resume();
        _succeeded = session.Execute(Invocation.Script(text)) && session.LastStatementSucceeded;
    }
}
