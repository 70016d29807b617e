using System.Management.Automation.Runspaces;

namespace OverlayTools.Host;

/// <summary>One thing to run in the session.</summary>
/// <param name="Command">The first command of the pipeline.</param>
internal sealed record Invocation(Command Command)
{
    /// <summary>What feeds <c>$input</c>, if anything does.</summary>
    public StandardInput? Input { get; init; }

    /// <summary>
    /// The text for the history. Only what has one changes <c>$?</c>: the engine takes the rest for the host's own
    /// doings.
    /// </summary>
    public string? History { get; private init; }

    /// <summary><c>exit</c> in the script ends the session, not only the script.</summary>
    public bool IsMainScript { get; private init; }

    /// <summary>A text, as typed.</summary>
    public static Invocation Script(string text) =>
        new(new Command(text, isScript: true, useLocalScope: false)) { History = text };

    /// <summary>
    /// A script file. Of one without <c>.ps1</c>, found by its <c>#!</c> line, the text is run: the engine takes it for
    /// a program.
    /// </summary>
    public static Invocation File(string path, IEnumerable<CommandParameter> parameters)
    {
        var isScript = path.EndsWith(".ps1", StringComparison.OrdinalIgnoreCase);
        var command = isScript
            ? new Command(path, isScript: false, useLocalScope: false)
            : new Command(System.IO.File.ReadAllText(path), isScript: true, useLocalScope: false);
        foreach (var parameter in parameters)
            command.Parameters.Add(parameter);
        return new Invocation(command) { IsMainScript = true };
    }
}
