using System.Diagnostics;
using System.Globalization;

namespace OverlayTools.Benchmarks;

/// <summary>Runs this program once more as an ordinary user who has subordinate ids.</summary>
internal sealed class OrdinaryUser : IDisposable
{
    private readonly bool _made;

    /// <param name="name">An existing user; null to make one that goes away again.</param>
    public OrdinaryUser(string? name)
    {
        Name = name ?? $"otbench{Environment.ProcessId}";
        _made = name is null;
        // useradd gives an ordinary user a line in /etc/subuid and /etc/subgid.
        if (_made)
            Peer.Run("/", Tool("useradd"), "--create-home", "--shell", "/bin/sh", Name);
    }

    public string Name { get; }

    /// <summary>Measures the container as this user; the child prints its own table.</summary>
    public void Measure(Options options)
    {
        var scratch = Path.Combine(options.Scratch, $"overlaytools-benchmarks.{Name}");
        Directory.CreateDirectory(scratch);
        try
        {
            Peer.Run("/", Tool("chown"), Name, scratch);
            Run(options, scratch);
        }
        finally
        {
            Directory.Delete(scratch, recursive: true);
        }
    }

    public void Dispose()
    {
        if (_made)
            Peer.Run("/", Tool("userdel"), "--remove", Name);
    }

    private void Run(Options options, string scratch)
    {
        var start = new ProcessStartInfo(Tool("setpriv")) { WorkingDirectory = scratch };
        List<string> arguments =
        [
            $"--reuid={Name}", $"--regid={Name}", "--init-groups", "--reset-env", DotnetProgram(), Environment.GetCommandLineArgs()[0],
            "--only", options.Only ?? "container", "--scratch", scratch, "--runs", options.Runs.ToString(CultureInfo.InvariantCulture),
        ];
        if (Peer.Find("apptainer", options.Apptainer) is { } apptainer)
            arguments.AddRange(["--apptainer", apptainer]);
        arguments.ForEach(start.ArgumentList.Add);
        using var process = Process.Start(start)!;
        process.WaitForExit();
        if (process.ExitCode != 0)
            Report.Line($"As {Name} the benchmark failed (exit code {process.ExitCode}).");
    }

    // The runtime that runs this program: DIR/shared/Microsoft.NETCore.App/VERSION/System.Private.CoreLib.dll.
    internal static string DotnetProgram() => Path.GetFullPath(
        Path.Combine(Path.GetDirectoryName(typeof(object).Assembly.Location)!, "../../../dotnet"));

    private static string Tool(string name) =>
        Peer.Find(name) ?? throw new FileNotFoundException($"The program '{name}' is not installed.");
}
