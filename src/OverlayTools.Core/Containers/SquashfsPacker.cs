using System.Diagnostics;
using OverlayTools.Native;

namespace OverlayTools.Containers;

/// <summary>Packs a directory with mksquashfs.</summary>
internal static class SquashfsPacker
{
    private const int PollMilliseconds = 100;
    private const string Activity = "Packing root file system";

    /// <summary>Packs the source into an existing, empty file.</summary>
    /// <param name="program">mksquashfs.</param>
    /// <param name="build">What is packed.</param>
    /// <param name="target">The file.</param>
    /// <param name="scratch">An empty directory for files that go into the image.</param>
    /// <param name="progress">Told of the bytes packed so far.</param>
    /// <param name="token">Ends the program.</param>
    /// <returns>What mksquashfs complained about, for example files that it could not read.</returns>
    /// <exception cref="EngineException"><see cref="ErrorIds.HelperFailed"/> with what it printed.</exception>
    public static IReadOnlyList<string> Pack(
        string program, SifBuild build, string target, string scratch, IProgress<EngineProgress>? progress, CancellationToken token)
    {
        var start = new ProcessStartInfo(program) { RedirectStandardError = true, RedirectStandardOutput = true };
        foreach (var argument in Arguments(build, target, scratch))
            start.ArgumentList.Add(argument);
        using var process = Process.Start(start)
            ?? throw new EngineException(ErrorIds.HelperFailed, $"{program} could not be started.");
        var error = process.StandardError.ReadToEndAsync(CancellationToken.None);
        var output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        try
        {
            while (!process.WaitForExit(PollMilliseconds))
            {
                token.ThrowIfCancellationRequested();
                // mksquashfs removes the file when it fails.
                var packed = new FileInfo(target);
                progress?.Report(new EngineProgress(Activity, packed.Exists ? packed.Length : 0, 0));
            }
        }
        catch
        {
            process.Kill();
            process.WaitForExit();
            throw;
        }

        _ = output.Result;
        var complaints = error.Result.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (process.ExitCode != 0 && complaints.Any(line => line.Contains("No space left on device", StringComparison.Ordinal)))
            throw new LinuxException("write", Errno.ENOSPC, target);
        if (process.ExitCode != 0)
            throw new EngineException(ErrorIds.HelperFailed, $"mksquashfs failed: {string.Join(' ', complaints)}",
                "Check that the directory is readable and the disk has room.", build.Source);
        return [.. complaints.Where(line => !IsAboutExistingDirectory(line))];
    }

    private static List<string> Arguments(SifBuild build, string target, string scratch)
    {
        List<string> arguments = [build.Source, target, "-noappend", "-no-progress", "-quiet"];
        if (build.RootOwned)
            arguments.Add("-all-root");
        var files = ImageMetadata.Files(build);
        if (files.Count == 0)
            return arguments;

        var pseudo = Path.Combine(scratch, "pseudo");
        File.WriteAllLines(pseudo, files
            .Select(file => Definition(file, scratch))
            .Prepend($"/{ImageMetadata.Directory} d 755 0 0"));
        arguments.AddRange(["-pf", pseudo]);
        // What the source has under these names gives way; the option takes all words that follow, so it comes last.
        arguments.Add("-e");
        arguments.AddRange(files.Select(file => $"{ImageMetadata.Directory}/{file.Name}"));
        return arguments;
    }

    // mksquashfs takes a pseudo file's content from a shell command.
    private static string Definition((string Name, uint Permissions, byte[] Bytes) file, string scratch)
    {
        var path = Path.Combine(scratch, file.Name);
        File.WriteAllBytes(path, file.Bytes);
        var quoted = path.Replace("'", "'\\''", StringComparison.Ordinal);
        return $"/{ImageMetadata.Directory}/{file.Name} f {Convert.ToString(file.Permissions, 8)} 0 0 cat '{quoted}'";
    }

    private static bool IsAboutExistingDirectory(string line) =>
        line.StartsWith($"Pseudo file \"{ImageMetadata.Directory}\" exists", StringComparison.Ordinal)
        || line.StartsWith("Ignoring, exclude it", StringComparison.Ordinal);
}
