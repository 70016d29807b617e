using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;

namespace OverlayTools.Tests.Containers;

/// <summary>A host process that runs one script after the other: starting PowerShell takes longer than most scripts.</summary>
internal sealed class HostShell
{
    private const string End = "-- end of script --";

    private const string Loop = $$"""
        while ($null -ne ($line = [Console]::In.ReadLine())) {
            $Error.Clear()
            & ([scriptblock]::Create([Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($line))))
            [Console]::Out.WriteLine('{{End}}'); [Console]::Error.WriteLine('{{End}}')
        }
        """;

    private static readonly ConcurrentDictionary<string, ConcurrentBag<HostShell>> s_idle = new();

    private readonly Process _process;

    private HostShell(IReadOnlyList<string> host)
    {
        var start = new ProcessStartInfo(host[0], host.Skip(1).Append(Loop))
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = "/",
        };
        _process = Process.Start(start)!;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => _process.StandardInput.Close();
    }

    /// <summary>Runs a script in a host that is free, or in a new one.</summary>
    /// <param name="host">The command line of the host, up to <c>-Command</c>.</param>
    /// <param name="script">The script.</param>
    /// <param name="limit">How long it may take.</param>
    public static (string Output, string Error) Run(IReadOnlyList<string> host, string script, TimeSpan limit)
    {
        var idle = s_idle.GetOrAdd(string.Join(' ', host), _ => []);
        var shell = idle.TryTake(out var free) ? free : new HostShell(host);
        var result = shell.Run(script, limit);
        idle.Add(shell);
        return result;
    }

    private (string Output, string Error) Run(string script, TimeSpan limit)
    {
        _process.StandardInput.WriteLine(Convert.ToBase64String(Encoding.UTF8.GetBytes(script)));
        _process.StandardInput.Flush();
        var output = Task.Run(() => ReadToEnd(_process.StandardOutput));
        var error = Task.Run(() => ReadToEnd(_process.StandardError));
        if (!Task.WaitAll([output, error], limit))
        {
            _process.Kill();
            Assert.Fail("The script takes too long: " + script);
        }

        return (output.Result, error.Result);
    }

    private static string ReadToEnd(StreamReader reader)
    {
        var text = new StringBuilder();
        while (reader.ReadLine() is { } line)
        {
            if (line == End)
                return text.ToString();
            text.Append(line).Append('\n');
        }

        throw new InvalidOperationException("The host has ended. " + text);
    }
}
