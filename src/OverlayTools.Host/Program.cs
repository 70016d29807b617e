namespace OverlayTools.Host;

internal static class Program
{
    // What pwsh returns when it cannot read its own command line (EX_USAGE of sysexits.h).
    private const int UsageExitCode = 64;

    private static int Main(string[] arguments)
    {
        Arguments parsed;
        try
        {
            parsed = Arguments.Parse(arguments);
        }
        catch (UsageException error)
        {
            Console.Error.WriteLine(error.Message);
            Console.Error.WriteLine();
            Console.Error.WriteLine(Usage.Text);
            return UsageExitCode;
        }

        return parsed.Mode switch
        {
            Mode.Help => Print(Usage.Text),
            Mode.Version => Print(Usage.Version),
            _ => Run(parsed),
        };
    }

    private static int Print(string text)
    {
        Console.WriteLine(text);
        return 0;
    }

    private static int Run(Arguments arguments)
    {
        var input = new StandardInput(0);
        Terminal.TakeOverStreams(input);
        var host = new ConsoleHost(new ConsoleUserInterface(input, arguments.NonInteractive));
        using var signals = new Signals();
        try
        {
            using var session = Session.Open(host);
            signals.Watch(session, input);
            return signals.ExitCode ?? new Runner(session, input).Run(arguments);
        }
        catch (StartException error)
        {
            Console.Error.WriteLine(error.Message);
            return 1;
        }
        finally
        {
            host.Console.Progress.Clear();
        }
    }
}
