using System.Diagnostics;
using OverlayTools.IO;
using OverlayTools.Tests.Host;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests;

/// <summary>Programs that are killed while they make the file that shall take an image's place.</summary>
public sealed class KilledWriterTests
{
    private const int MostAttempts = 20;

    [Theory]
    [InlineData("Resize-OverlayImage o.img -InodeCount 30000")]
    [InlineData("Repair-OverlayImage o.img")]
    public void The_next_run_on_the_image_removes_what_a_killed_one_left(string next)
    {
        Machine.NeedTool("e2fsck");
        using var directory = new TemporaryDirectory();
        using var session = new ModuleSession(directory.Path);
        Directory.CreateDirectory(directory["source"]);
        File.WriteAllBytes(directory["source/large"], Enumerable.Range(0, 60_000_000).Select(i => (byte)(i * 7 / 1000)).ToArray());
        session.Run("$null = New-OverlayImage o.img -SizeBytes 100MB -Source source");
        var before = File.ReadAllBytes(directory["o.img"]);

        var left = KillWhileRebuilding(directory);
        Assert.True(before.AsSpan().SequenceEqual(File.ReadAllBytes(directory["o.img"])));
        // What somebody is working on, and what only looks alike, is not touched.
        using var other = AtomicFile.Create(directory["o.img"], 0b110_000_000, force: true);
        File.WriteAllText(directory[".o.img.0123456789ab.tmp.txt"], "mine");
        File.WriteAllText(directory[".o.img.0123456789AB.tmp"], "mine");

        session.Run(next);
        Assert.Empty(session.Errors);
        Assert.False(File.Exists(left));
        Assert.True(File.Exists(other.TemporaryPath));
        Assert.True(File.Exists(directory[".o.img.0123456789ab.tmp.txt"]));
        Assert.True(File.Exists(directory[".o.img.0123456789AB.tmp"]));
        Assert.Equal(0, Machine.Run("e2fsck", "-fn", directory["o.img"]).ExitCode);
    }

    private static string KillWhileRebuilding(TemporaryDirectory directory)
    {
        for (var attempt = 0; attempt < MostAttempts; attempt++)
        {
            var start = new ProcessStartInfo(HostProgram.Path,
                ["-NoProfile", "-Command", $"Resize-OverlayImage '{directory["o.img"]}' -InodeCount 20000"])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            using var process = Process.Start(start)!;
            while (!process.HasExited && Temporary(directory) is null)
                Thread.Sleep(1);
            process.Kill();
            process.WaitForExit();
            if (Temporary(directory) is { } left)
                return left;
        }

        Assert.Fail($"In {MostAttempts} attempts, none was killed at work.");
        return string.Empty;
    }

    private static string? Temporary(TemporaryDirectory directory) =>
        Directory.GetFiles(directory.Path, ".o.img.*.tmp").SingleOrDefault();
}
