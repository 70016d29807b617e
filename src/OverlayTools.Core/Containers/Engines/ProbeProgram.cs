using System.ComponentModel;
using System.Diagnostics;
using System.Text.RegularExpressions;

namespace OverlayTools.Containers.Engines;

/// <summary>Runs a program for a moment, to see what it says.</summary>
internal static partial class ProbeProgram
{
    private const int MostMilliseconds = 10_000;

    /// <summary>What a program printed, and its exit code; null when it does not start, or does not end.</summary>
    public static (int ExitCode, string Output, string Error)? Run(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = "/",
        };
        start.Environment["LC_ALL"] = "C";
        try
        {
            using var process = Process.Start(start);
            if (process is null)
                return null;
            process.StandardInput.Close();
            var output = process.StandardOutput.ReadToEndAsync();
            var error = process.StandardError.ReadToEndAsync();
            if (!process.WaitForExit(MostMilliseconds))
            {
                process.Kill(entireProcessTree: true);
                return null;
            }

            return (process.ExitCode, output.Result, error.Result);
        }
        catch (Exception error) when (error is Win32Exception or InvalidOperationException)
        {
            return null; // not a program of this machine
        }
    }

    /// <summary>The version in what a program says of itself: the number on the line that names the program, or else the
    /// first number with a dot.</summary>
    /// <param name="name">The program's file name.</param>
    /// <param name="text">What it printed.</param>
    public static string? VersionIn(string name, string text)
    {
        // squashfuse_ll calls itself squashfuse, and fakeroot-sysv fakeroot.
        var plain = name.Split('_', '-')[0];
        var lines = text.Split('\n');
        var line = lines.FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal))
            ?? lines.FirstOrDefault(line => line.StartsWith(plain, StringComparison.Ordinal));
        var found = Number().Match(line ?? text);
        return found.Success ? found.Value : null;
    }

    [GeneratedRegex(@"\d+(\.\d+)+")]
    private static partial Regex Number();
}
