using OverlayTools.Native;

namespace OverlayTools.Init;

/// <summary>Finds a command in the <c>PATH</c> of its own environment and becomes it, as <c>execvpe(3)</c> does.</summary>
internal static class CommandSearch
{
    private const string PathVariable = "PATH=";

    /// <summary>Has the first program that can be executed executed.</summary>
    /// <param name="command">The command and its arguments.</param>
    /// <param name="environment">Its environment.</param>
    /// <param name="execute">Gets a program's path, its arguments and its environment; returns an error number.</param>
    public static int Execute(
        IReadOnlyList<string> command, IReadOnlyList<string> environment,
        Func<string, IReadOnlyList<string>, IReadOnlyList<string>, int> execute)
    {
        int ExecuteFile(string file)
        {
            // A script without an interpreter line is the shell's.
            var errno = execute(file, command, environment);
            return errno == Errno.ENOEXEC
                ? execute("/bin/sh", ["/bin/sh", file, .. command.Skip(1)], environment)
                : errno;
        }

        if (command[0].Contains('/', StringComparison.Ordinal))
            return ExecuteFile(command[0]);
        if (command[0].Length == 0)
            return Errno.ENOENT;

        var path = environment.LastOrDefault(variable => variable.StartsWith(PathVariable, StringComparison.Ordinal));
        var result = Errno.ENOENT;
        foreach (var directory in (path?[PathVariable.Length..] ?? "/usr/bin:/bin").Split(':'))
        {
            var errno = ExecuteFile(directory.Length > 0 ? $"{directory}/{command[0]}" : command[0]);
            if (errno == Errno.EACCES)
                result = errno;
            else if (errno is not (Errno.ENOENT or Errno.ENOTDIR))
                return errno;
        }

        return result;
    }
}
