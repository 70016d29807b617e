using System.Collections.ObjectModel;
using System.Management.Automation;
using System.Management.Automation.Host;
using System.Security;
using System.Text;

namespace OverlayTools.Host;

/// <summary>
/// Text to and from the standard streams: errors to standard error, everything else to standard output, as in pwsh.
/// </summary>
internal sealed class ConsoleUserInterface(StandardInput input, bool nonInteractive) : PSHostUserInterface
{
    private readonly Lock _lock = new();

    /// <summary>The bar that shows how far long work is.</summary>
    public ProgressBar Progress { get; } = new();

    /// <summary>Whether what is written now is an error, though it comes as output.</summary>
    public bool WritesErrors { get; set; }

    /// <inheritdoc/>
    public override PSHostRawUserInterface RawUI { get; } = new ConsoleRawUserInterface();

    /// <inheritdoc/>
    public override bool SupportsVirtualTerminal => Terminal.ColorsOutput;

    /// <inheritdoc/>
    public override void Write(string value)
    {
        lock (_lock)
        {
            Progress.Clear();
            Console.Out.Write(Terminal.ColorsOutput ? value : Style.Plain(value));
        }
    }

    /// <inheritdoc/>
    public override void Write(ConsoleColor foregroundColor, ConsoleColor backgroundColor, string value) =>
        Write(Style.Colored(value, foregroundColor, backgroundColor));

    /// <inheritdoc/>
    public override void WriteLine() => Write(Environment.NewLine);

    /// <inheritdoc/>
    public override void WriteLine(string value)
    {
        if (WritesErrors)
            WriteErrorLine(value);
        else
            Write(value + Environment.NewLine);
    }

    /// <inheritdoc/>
    public override void WriteLine(ConsoleColor foregroundColor, ConsoleColor backgroundColor, string value) =>
        WriteLine(Style.Colored(value, foregroundColor, backgroundColor));

    /// <inheritdoc/>
    public override void WriteErrorLine(string value)
    {
        // The formatting view ends an error that shows its line with an empty one.
        if (string.IsNullOrEmpty(value))
            return;
        lock (_lock)
        {
            Progress.Clear();
            Console.Error.WriteLine(Terminal.ColorsError ? Style.Error(value) : Style.Plain(value));
        }
    }

    /// <inheritdoc/>
    public override void WriteWarningLine(string message) => WriteLine(Style.Warning($"WARNING: {message}"));

    /// <inheritdoc/>
    public override void WriteVerboseLine(string message) => WriteLine(Style.Verbose($"VERBOSE: {message}"));

    /// <inheritdoc/>
    public override void WriteDebugLine(string message) => WriteLine(Style.Debug($"DEBUG: {message}"));

    /// <inheritdoc/>
    /// <remarks>The engine has written what is to be seen before it comes here.</remarks>
    public override void WriteInformation(InformationRecord record)
    {
    }

    /// <inheritdoc/>
    public override void WriteProgress(long sourceId, ProgressRecord record)
    {
        lock (_lock)
            Progress.Show(record);
    }

    /// <summary>A line of input without the line end; null at its end.</summary>
    /// <exception cref="OperationCanceledException">Ctrl+C.</exception>
    public string? ReadLineOrEnd()
    {
        RefuseIfNonInteractive();
        Progress.Clear();
        return input.ReadLine();
    }

    /// <summary>Forgets a Ctrl+C: the next line may be read.</summary>
    public void ResumeReading() => input.Resume();

    /// <summary>The answer to a question; null at the end of input.</summary>
    /// <exception cref="OperationCanceledException">Ctrl+C.</exception>
    public string? ReadAnswer()
    {
        var answer = ReadLineOrEnd();
        // What a person types is on the terminal already; what comes from elsewhere is shown, as pwsh does.
        if (Console.IsInputRedirected)
            WriteLine(answer ?? "");
        return answer;
    }

    /// <inheritdoc/>
    public override string ReadLine() => ForPipeline(() => ReadLineOrEnd() ?? "");

    /// <inheritdoc/>
    public override SecureString ReadLineAsSecureString() => ForPipeline(() =>
    {
        var secret = new SecureString();
        foreach (var letter in Console.IsInputRedirected ? ReadLineOrEnd() ?? "" : ReadHidden())
            secret.AppendChar(letter);
        secret.MakeReadOnly();
        return secret;
    });

    /// <inheritdoc/>
    public override Dictionary<string, PSObject> Prompt(
        string caption, string message, Collection<FieldDescription> descriptions) =>
        ForPipeline(() => new FieldQuestions(this).Ask(caption, message, descriptions));

    /// <inheritdoc/>
    public override int PromptForChoice(
        string caption, string message, Collection<ChoiceDescription> choices, int defaultChoice) =>
        ForPipeline(() => new ChoiceQuestion(this, choices, defaultChoice).Ask(caption, message));

    /// <inheritdoc/>
    public override PSCredential PromptForCredential(
        string caption, string message, string userName, string targetName) =>
        PromptForCredential(caption, message, userName, targetName, default, default);

    /// <inheritdoc/>
    public override PSCredential PromptForCredential(
        string caption, string message, string userName, string targetName,
        PSCredentialTypes allowedCredentialTypes, PSCredentialUIOptions options) =>
        ForPipeline(() => new FieldQuestions(this).AskCredential(caption, message, userName));

    /// <summary>A caption and a message above a question.</summary>
    public void WriteHeading(string? caption, string? message)
    {
        if (!string.IsNullOrEmpty(caption))
        {
            WriteLine();
            WriteLine(caption);
        }

        if (!string.IsNullOrEmpty(message))
            WriteLine(message);
    }

    private string ReadHidden()
    {
        var text = new StringBuilder();
        while (Console.ReadKey(intercept: true) is var key && key.Key != ConsoleKey.Enter)
        {
            if (key.Key == ConsoleKey.Backspace)
                text.Length = Math.Max(0, text.Length - 1);
            else if (!char.IsControl(key.KeyChar))
                text.Append(key.KeyChar);
        }

        WriteLine();
        return text.ToString();
    }

    private T ForPipeline<T>(Func<T> read)
    {
        RefuseIfNonInteractive();
        try
        {
            return read();
        }
        catch (OperationCanceledException)
        {
            throw new PipelineStoppedException();
        }
    }

    private void RefuseIfNonInteractive()
    {
        if (nonInteractive)
        {
            throw new PSInvalidOperationException(
                "This is a non-interactive session: it reads no input and asks nothing. Leave out -NonInteractive.");
        }
    }
}
