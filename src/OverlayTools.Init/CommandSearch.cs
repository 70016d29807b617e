using OverlayTools.Native;

namespace OverlayTools.Init;

/// <summary>Finds a command in the <c>PATH</c> of its own environment, as <c>execvpe(3)</c> does.</summary>
internal static class CommandSearch
{
    private const string PathVariable = "PATH=";

    /// <summary>Tries to execute a file.</summary>
    /// <param name="file">Its path.</param>
    /// <param name="arguments">The arguments, the first being its name.</param>
    /// <returns>The error number; 0 where a success returns at all.</returns>
    public delegate int Attempt(string file, IReadOnlyList<string> arguments);

    /// <summary>Becomes the command.</summary>
    /// <returns>The error number; only a failure returns.</returns>
    public static int Execute(IReadOnlyList<string> command, IReadOnlyList<string> environment) =>
        Find(command, environment, (file, arguments) => Processes.Execute(file, arguments, environment));

    /// <summary>Tries one file after the other.</summary>
    /// <returns>The error number of the one that counts, or 0.</returns>
    public static int Find(IReadOnlyList<string> command, IReadOnlyList<string> environment, Attempt attempt)
    {
        if (command[0].Contains('/', StringComparison.Ordinal))
            return TryFile(command[0], command, attempt);
        if (command[0].Length == 0)
            return Errno.ENOENT;

        var path = environment.LastOrDefault(variable => variable.StartsWith(PathVariable, StringComparison.Ordinal));
        var result = Errno.ENOENT;
        foreach (var directory in (path?[PathVariable.Length..] ?? "/usr/bin:/bin").Split(':'))
        {
            var errno = TryFile(directory.Length > 0 ? $"{directory}/{command[0]}" : command[0], command, attempt);
            if (errno == Errno.EACCES)
                result = errno;
            else if (errno is not (Errno.ENOENT or Errno.ENOTDIR))
                return errno;
        }

        return result;
    }

    // A script without an interpreter line is the shell's.
    private static int TryFile(string file, IReadOnlyList<string> command, Attempt attempt)
    {
        var errno = attempt(file, command);
        return errno == Errno.ENOEXEC ? attempt("/bin/sh", ["/bin/sh", file, .. command.Skip(1)]) : errno;
    }
}
