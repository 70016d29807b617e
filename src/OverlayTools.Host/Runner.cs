using System.Management.Automation.Language;

namespace OverlayTools.Host;

/// <summary>Does what the command line asks for, and says with which code the program exits: as pwsh does.</summary>
internal sealed class Runner(Session session, StandardInput input)
{
    public int Run(Arguments arguments) => arguments.Mode switch
    {
        Mode.Command => RunCommand(arguments.Text),
        Mode.File => RunFile(arguments),
        Mode.StandardInput => new StandardInputScript(session, input).Run(),
        _ when Console.IsInputRedirected => new StandardInputScript(session, input).Run(),
        _ => new PromptLoop(session).Run(greet: !arguments.NoLogo),
    };

    private int RunCommand(string text)
    {
        var ast = Parser.ParseInput(text, out _, out _);
        var succeeded = session.Execute(Invocation.Script(text) with { Input = InputFor(ast) });
        return session.ExitCode ?? (succeeded && session.LastStatementSucceeded ? 0 : 1);
    }

    private int RunFile(Arguments arguments)
    {
        var ast = Parser.ParseFile(arguments.Text, out _, out _);
        var invocation = Invocation.File(arguments.Text, arguments.Parameters) with { Input = InputFor(ast) };
        var succeeded = session.Execute(invocation);
        // An error that did not end the script is no failure: the script says so itself with `exit`.
        return session.ExitCode ?? (succeeded ? 0 : 1);
    }

    /// <summary>
    /// Standard input belongs to the script's <c>$input</c> only if the script asks for it: else to what it runs.
    /// </summary>
    private StandardInput? InputFor(Ast script) =>
        Console.IsInputRedirected && script.Find(IsInputVariable, searchNestedScriptBlocks: true) is not null
            ? input
            : null;

    private static bool IsInputVariable(Ast node) =>
        node is VariableExpressionAst variable
        && variable.VariablePath.UserPath.Equals("input", StringComparison.OrdinalIgnoreCase);
}
