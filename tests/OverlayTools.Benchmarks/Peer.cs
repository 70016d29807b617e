using System.Diagnostics;

namespace OverlayTools.Benchmarks;

/// <summary>Finds and runs programs.</summary>
internal static class Peer
{
    /// <summary>The path that was given, or the program's place on <c>PATH</c> or among the system's programs; null when
    /// it is not there.</summary>
    public static string? Find(string name, string? given = null)
    {
        if (given is not null)
            return File.Exists(given) ? Path.GetFullPath(given) : throw new FileNotFoundException($"'{given}' does not exist.");
        return (Environment.GetEnvironmentVariable("PATH") + ":/usr/sbin:/sbin")
            .Split(':', StringSplitOptions.RemoveEmptyEntries)
            .Select(directory => Path.Combine(directory, name))
            .FirstOrDefault(File.Exists);
    }

    /// <summary>Whether all of these programs are here; else says what is not measured.</summary>
    public static bool AreHere(string what, params string[] names)
    {
        if (names.FirstOrDefault(name => Find(name) is null) is not { } missing)
            return true;
        Report.Line($"{missing} is not here: {what} is not measured.");
        return false;
    }

    /// <summary>Runs a line of shell to its end.</summary>
    /// <exception cref="InvalidOperationException">It failed; with what it printed.</exception>
    public static void RunShell(string directory, string line) =>
        Run(directory, "/bin/sh", "-c", $"PATH=$PATH:/usr/sbin:/sbin; {line}");

    /// <summary>Runs a program to its end; what it prints is read and dropped.</summary>
    /// <exception cref="InvalidOperationException">It failed; with what it printed.</exception>
    public static void Run(string directory, string program, params string[] arguments) =>
        Read(directory, program, arguments);

    /// <summary>Runs a program to its end.</summary>
    /// <returns>What it printed.</returns>
    /// <exception cref="InvalidOperationException">It failed; with what it printed.</exception>
    public static string Read(string directory, string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = directory,
        };
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: {output}{error.Result}");
        return output;
    }
}
