namespace OverlayTools.Host;

/// <summary>The prompt on a terminal: read, run, show, until <c>exit</c> or the end of input.</summary>
internal sealed class PromptLoop(Session session)
{
    private readonly ConsoleUserInterface _console = session.Host.Console;
    private bool _succeeded = true;

    /// <summary>Runs until <c>exit</c>, or Ctrl+D at the prompt.</summary>
    /// <returns>The code of <c>exit</c>; else 0 or 1, as the last statement ended.</returns>
    public int Run(bool greet)
    {
        if (greet)
            _console.WriteLine($"{Usage.Version}; `exit` leaves.");
        RunWhile(() => session.ExitCode is null);
        return session.ExitCode ?? (_succeeded ? 0 : 1);
    }

    /// <summary>Runs until <paramref name="wanted"/> says no, or the input ends.</summary>
    public void RunWhile(Func<bool> wanted)
    {
        while (true)
        {
            // In this order, because a signal that ends the program first says so and then interrupts.
            _console.ResumeReading();
            if (!wanted())
                return;
            try
            {
                if (ReadStatement() is not { } statement)
                {
                    _console.WriteLine();
                    return;
                }

                Execute(statement);
            }
            catch (OperationCanceledException)
            {
                // Ctrl+C at the prompt forgets the line.
                _console.WriteLine();
            }
        }
    }

    private string? ReadStatement()
    {
        _console.Write(session.PromptText);
        var text = _console.ReadLineOrEnd();
        while (text is not null && !StandardInputScript.IsComplete(text))
        {
            _console.Write(">> ");
            var line = _console.ReadLineOrEnd();
            if (line is null)
                return text;
            text += "\n" + line;
        }

        return text;
    }

    private void Execute(string statement)
    {
        if (string.IsNullOrWhiteSpace(statement))
            return;
        _succeeded = session.Execute(Invocation.Script(statement)) && session.LastStatementSucceeded;
    }
}
