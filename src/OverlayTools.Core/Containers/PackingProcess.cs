using System.Diagnostics;
using System.Globalization;
using OverlayTools.Native;

namespace OverlayTools.Containers;

/// <summary>A program that packs a file system into a file, from a directory or from its standard input.</summary>
/// <param name="program">Its path.</param>
/// <param name="target">The file that it writes; what it has so far is reported.</param>
/// <param name="activity">What the progress is called.</param>
/// <param name="source">What is packed, for errors.</param>
/// <param name="progress">Told of the bytes packed so far.</param>
/// <param name="token">Ends the program.</param>
internal sealed class PackingProcess(
    string program, string target, string activity, string? source, IProgress<EngineProgress>? progress, CancellationToken token)
{
    private const int PollMilliseconds = 100;
    private const int PipeBufferSize = 1 << 17;
    private const string TimeVariable = "SOURCE_DATE_EPOCH";

    /// <summary>The latest time that a file shall have, in seconds; null for any.</summary>
    public long? LatestTime { get; init; }

    /// <summary>Runs it.</summary>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="feed">Writes its standard input; null for none.</param>
    /// <returns>What it complained about.</returns>
    /// <exception cref="EngineException"><see cref="ErrorIds.HelperFailed"/> with what it printed.</exception>
    /// <exception cref="LinuxException">The disk is full.</exception>
    /// <exception cref="OperationCanceledException">The program has ended.</exception>
    public IReadOnlyList<string> Run(IEnumerable<string> arguments, Action<Stream>? feed)
    {
        var start = new ProcessStartInfo(program)
        {
            RedirectStandardError = true, RedirectStandardOutput = true, RedirectStandardInput = feed is not null,
        };
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        start.Environment.Remove(TimeVariable);
        if (LatestTime is { } latest)
            start.Environment[TimeVariable] = latest.ToString(CultureInfo.InvariantCulture);
        using var process = Process.Start(start)
            ?? throw new EngineException(ErrorIds.HelperFailed, $"{program} could not be started.");
        var error = process.StandardError.ReadToEndAsync(CancellationToken.None);
        var output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        // One that waits for its input would not hear of it otherwise.
        using var stop = token.Register(() => Stop(process));
        try
        {
            Feed(process, feed);
            while (!process.WaitForExit(PollMilliseconds))
            {
                token.ThrowIfCancellationRequested();
                // mksquashfs removes the file when it fails.
                var packed = new FileInfo(target);
                progress?.Report(new EngineProgress(activity, packed.Exists ? packed.Length : 0, 0));
            }

            token.ThrowIfCancellationRequested();
        }
        catch
        {
            Stop(process);
            process.WaitForExit();
            throw;
        }

        _ = output.Result;
        var complaints = error.Result.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (process.ExitCode != 0 && complaints.Any(line => line.Contains("No space left on device", StringComparison.Ordinal)))
            throw new LinuxException("write", Errno.ENOSPC, target);
        return process.ExitCode == 0
            ? complaints
            : throw new EngineException(ErrorIds.HelperFailed,
                $"{Path.GetFileName(program)} failed: {string.Join(' ', complaints)}",
                "Check that the source is readable and the disk has room.", source);
    }

    private void Feed(Process process, Action<Stream>? feed)
    {
        if (feed is null)
            return;
        try
        {
            var buffered = new BufferedStream(process.StandardInput.BaseStream, PipeBufferSize);
            feed(buffered);
            buffered.Flush();
            process.StandardInput.Close();
        }
        catch (IOException failure) when (failure is not (EndOfStreamException or LinuxException) && process.WaitForExit(PollMilliseconds))
        {
            // It ended before it had read everything, and says why; or it was ended.
            token.ThrowIfCancellationRequested();
        }
    }

    private static void Stop(Process process)
    {
        try
        {
            process.Kill();
        }
        catch (InvalidOperationException)
        {
            // It has ended.
        }
    }
}
