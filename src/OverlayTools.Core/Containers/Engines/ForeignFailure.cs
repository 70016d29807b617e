using System.Text.RegularExpressions;

namespace OverlayTools.Containers.Engines;

/// <summary>Recognises in what Apptainer or Singularity prints why a container could not be run.</summary>
internal static partial class ForeignFailure
{
    private const int GoFailure = 255;
    private const int StarterFailure = 1;

    /// <summary>Whether a line of standard error is the engine's own, and says that it gives up.</summary>
    public static bool IsFatal(string line) => FatalLine().IsMatch(line);

    /// <summary>The failure that a message means, and the exit code that a shell would show.</summary>
    /// <param name="exitCode">The engine's own exit code.</param>
    /// <param name="fatal">The last line that <see cref="IsFatal"/>; null when there was none.</param>
    /// <param name="request">What was to be run.</param>
    public static ContainerOutcome Understand(int exitCode, string? fatal, ContainerRequest request)
    {
        // A command may well print such a line and end with 0, or with a number of its own.
        if (fatal is null || exitCode is not (GoFailure or StarterFailure))
            return new ContainerOutcome(exitCode, null);

        var text = FatalLine().Replace(fatal, string.Empty).Trim();
        if (NotFound().IsMatch(text))
            return new ContainerOutcome(InitProtocol.NotFoundExitCode, new EngineException(ErrorIds.ContainerCommandNotFound,
                $"The command '{request.Command.FirstOrDefault()}' cannot be run in the container: {text}", target: request.ImagePath));
        return new ContainerOutcome(InitProtocol.FailureExitCode, new EngineException(IdOf(text), text, ActionFor(text), request.ImagePath));
    }

    private static string IdOf(string text)
    {
        if (InUse().IsMatch(text))
            return ErrorIds.OverlayInUse;
        if (text.Contains("more than one writable overlay", StringComparison.OrdinalIgnoreCase))
            return ErrorIds.TooManyWritableOverlays;
        if (text.Contains("image format not recognized", StringComparison.OrdinalIgnoreCase))
            return ErrorIds.ImageNotRecognized;
        if (text.Contains("no such file or directory", StringComparison.Ordinal)
            && text.Contains("could not open image", StringComparison.Ordinal))
        {
            return ErrorIds.OverlayFileNotFound;
        }

        if (text.Contains("no space left on device", StringComparison.Ordinal))
            return ErrorIds.DiskFull;
        return text.Contains("user namespace", StringComparison.OrdinalIgnoreCase)
            ? ErrorIds.NamespaceUnavailable
            : ErrorIds.ContainerStartFailed;
    }

    private static string? ActionFor(string text) => InUse().IsMatch(text)
        ? "Get-OverlayImage shows who uses it; open it read-only with ':ro', or wait until the other has ended."
        : null;

    // FATAL:   text, in colour on a terminal.
    [GeneratedRegex(@"^(\x1b\[[0-9;]*m)*FATAL\s*:\s*(\x1b\[[0-9;]*m)*")]
    private static partial Regex FatalLine();

    [GeneratedRegex("executable file not found|exec .* failed: a shared library is likely missing|exec .*: no such file or directory")]
    private static partial Regex NotFound();

    [GeneratedRegex("for writing, currently in use by another process|for reading, currently in use for writing by another process")]
    private static partial Regex InUse();
}
