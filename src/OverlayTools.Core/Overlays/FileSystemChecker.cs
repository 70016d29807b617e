using System.Diagnostics;
using Microsoft.Win32.SafeHandles;

namespace OverlayTools.Overlays;

/// <summary>Runs e2fsck on a file system in an open file.</summary>
internal static class FileSystemChecker
{
    private const int MostFine = 3; // 1: errors were corrected, 2: and a mounted one should be mounted again

    private static readonly string[] s_systemDirectories = ["/usr/sbin", "/sbin", "/usr/local/sbin"];

    /// <summary>Repairs what can be repaired, and then checks that nothing is left.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.RuntimeNotFound"/> without e2fsck,
    /// <see cref="ErrorIds.HelperFailed"/> when errors are left.</exception>
    public static void Repair(SafeFileHandle file, OverlayLocation location, string path, CancellationToken token)
    {
        var (exit, said) = Run(file, location, "-fy", token);
        if (exit > MostFine)
            throw Failed(path, exit, said);
        (exit, said) = Run(file, location, "-fn", token);
        if (exit != 0)
            throw Failed(path, exit, said);
    }

    private static (int ExitCode, string Output) Run(SafeFileHandle file, OverlayLocation location, string mode, CancellationToken token)
    {
        // By its descriptor: a question mark in a path begins options.
        var name = $"/proc/{Environment.ProcessId}/fd/{file.DangerousGetHandle()}?offset={location.Offset}";
        var start = new ProcessStartInfo(Find(), [mode, name])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["LC_ALL"] = "C";
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        using var stop = token.Register(() => process.Kill());
        var error = process.StandardError.ReadToEndAsync(CancellationToken.None);
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        token.ThrowIfCancellationRequested();
        return (process.ExitCode, output + error.GetAwaiter().GetResult());
    }

    private static string Find() =>
        (Environment.GetEnvironmentVariable("PATH") ?? string.Empty).Split(':', StringSplitOptions.RemoveEmptyEntries)
            .Where(Path.IsPathRooted).Concat(s_systemDirectories)
            .Select(directory => Path.Combine(directory, "e2fsck")).FirstOrDefault(File.Exists)
        ?? throw new EngineException(ErrorIds.RuntimeNotFound, "'e2fsck' is needed for a full repair, and is not installed.",
            "Install with: apt-get install e2fsprogs");

    private static EngineException Failed(string path, int exit, string said)
    {
        var lines = said.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        // Its banner comes through the other stream, and says nothing.
        lines = [.. lines.Where(line => !line.StartsWith("e2fsck ", StringComparison.Ordinal))];
        return new EngineException(ErrorIds.HelperFailed,
            $"e2fsck could not repair '{path}' (exit code {exit}): {lines.LastOrDefault("it said nothing")}",
            "The image was not changed. Copy out of it what can be read.", path);
    }
}
