using System.Diagnostics;
using System.Reflection;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests.Host;

/// <summary>The built host as a program of its own.</summary>
internal static class HostProgram
{
    /// <summary>Built with the tests, in their configuration.</summary>
    public static string Path { get; } = System.IO.Path.Combine(Machine.RepositoryRoot, "src", "OverlayTools.Host",
        "bin",
        typeof(HostProgram).Assembly.GetCustomAttribute<AssemblyConfigurationAttribute>()!.Configuration,
        "net10.0", "overlaytools-host");

    public static (int ExitCode, string Output, string Error) Run(params string[] arguments) =>
        Machine.Run(Path, arguments);

    public static (int ExitCode, string Output, string Error) RunWithInput(string input, params string[] arguments) =>
        Machine.RunWith(Path, arguments, input, null);

    /// <summary>Runs a script file with these words after it.</summary>
    public static (int ExitCode, string Output, string Error) RunFile(
        string script, string[] arguments, string? input = null, string name = "script file.ps1")
    {
        using var directory = new TemporaryDirectory();
        File.WriteAllText(directory[name], script);
        return Machine.RunWith(Path, ["-NoProfile", "-File", directory[name], .. arguments], input, null);
    }

    /// <summary>Starts the host, waits for it to print a line <c>ready</c>, and sends it a signal.</summary>
    public static (int ExitCode, string Output) RunAndSignal(string signal, params string[] arguments)
    {
        var start = new ProcessStartInfo(Path, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        using var process = Process.Start(start)!;
        var first = process.StandardOutput.ReadLine();
        Assert.Equal("ready", first);
        Machine.Run("kill", $"-{signal}", process.Id.ToString());
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output);
    }
}
