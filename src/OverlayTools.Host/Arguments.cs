using System.Management.Automation.Runspaces;

namespace OverlayTools.Host;

/// <summary>What the program was asked to do.</summary>
internal enum Mode
{
    /// <summary>A prompt on a terminal, else the script on standard input.</summary>
    Prompt,

    /// <summary>The script on standard input.</summary>
    StandardInput,

    /// <summary>A script text.</summary>
    Command,

    /// <summary>A script file.</summary>
    File,

    /// <summary>Show the usage.</summary>
    Help,

    /// <summary>Show the version.</summary>
    Version,
}

/// <summary>The command line cannot be understood.</summary>
internal sealed class UsageException(string message) : Exception(message);

/// <summary>The command line, read as pwsh reads its own.</summary>
internal sealed record Arguments
{
    // In the order in which an abbreviation is tried: `-c` is Command, `-n` is NoLogo.
    private static readonly string[] s_names =
        ["Command", "File", "Help", "NoLogo", "NoProfile", "NonInteractive", "Version"];

    public Mode Mode { get; private init; } = Mode.Prompt;

    /// <summary>The script text of <see cref="Mode.Command"/>, or the full path of <see cref="Mode.File"/>.</summary>
    public string Text { get; private init; } = "";

    /// <summary>The parameters of the script file.</summary>
    public IReadOnlyList<CommandParameter> Parameters { get; private init; } = [];

    public bool NonInteractive { get; private init; }

    public bool NoLogo { get; private init; }

    /// <summary>Reads a command line.</summary>
    /// <exception cref="UsageException">It cannot be understood.</exception>
    public static Arguments Parse(string[] arguments)
    {
        var result = new Arguments();
        for (var index = 0; index < arguments.Length; index++)
        {
            switch (Option(arguments[index]))
            {
                case "Command":
                    return result.WithCommand(arguments[(index + 1)..]);
                case "File":
                    return result.WithFile(arguments[(index + 1)..]);
                case "Help":
                    return result with { Mode = Mode.Help };
                case "Version":
                    return result with { Mode = Mode.Version };
                case "NoLogo":
                    result = result with { NoLogo = true };
                    break;
                case "NonInteractive":
                    result = result with { NonInteractive = true };
                    break;
                case "NoProfile":
                    break;
                default:
                    return result.WithFile(arguments[index..]);
            }
        }

        return result;
    }

    private static string? Option(string argument)
    {
        if (argument is "-?" or "--?")
            return "Help";
        if (!argument.StartsWith('-'))
            return null;
        var name = argument[(argument.StartsWith("--", StringComparison.Ordinal) ? 2 : 1)..];
        if (name.Length == 0)
            return null;
        return s_names.FirstOrDefault(known => known.StartsWith(name, StringComparison.OrdinalIgnoreCase));
    }

    private Arguments WithCommand(string[] words) => words switch
    {
        [] => throw new UsageException("A command must follow -Command."),
        ["-"] => this with { Mode = Mode.StandardInput },
        ["-", ..] => throw new UsageException("Nothing can follow '-Command -': the script comes from standard input."),
        _ => this with { Mode = Mode.Command, Text = string.Join(' ', words) },
    };

    private Arguments WithFile(string[] words)
    {
        if (words is [] or [""])
            throw new UsageException("The path of a script must follow -File.");
        if (words[0] == "-")
            return this with { Mode = Mode.StandardInput };
        if (!File.Exists(words[0]))
        {
            throw new UsageException($"'{words[0]}' is neither an option nor an existing script file. "
                + "Check the spelling, and that the path is right.");
        }

        return this with
        {
            Mode = Mode.File,
            Text = Path.GetFullPath(words[0]),
            Parameters = [.. ScriptParameters.Parse(words[1..])],
        };
    }
}
