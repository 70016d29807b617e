namespace OverlayTools.Containers;

/// <summary>
/// How the engine and <c>overlaytools-init</c> talk: the plan in a file at descriptor 3, lines of words separated by
/// tabs from the program at 4, and a pipe at 5 on which the engine says go, and whose end says stop.
/// </summary>
internal static class InitProtocol
{
    public const int PlanDescriptor = 3;
    public const int StatusDescriptor = 4;
    public const int ControlDescriptor = 5;

    /// <summary>The reading end of a pipe that the supervisor holds while it lives, and on which it says go.</summary>
    public const int LifeDescriptor = 6;

    public const int FirstImageDescriptor = 10;

    /// <summary>The engine duplicates what it passes on to numbers from here, clear of all targets.</summary>
    public const int LeastSourceDescriptor = 100;

    public const string ProgramName = "overlaytools-init";

    /// <summary>First argument: assemble the mounts and watch over the container.</summary>
    public const string RunMode = "run";

    /// <summary>First argument: enter the assembled tree and become the command.</summary>
    public const string EnterMode = "enter";

    /// <summary>First argument: try what mounting is allowed, in the directory and with the overlay options that follow.</summary>
    public const string TrialMode = "trial";

    /// <summary>A step of the trial, followed by its error number: mounting a tmpfs.</summary>
    public const string TmpfsStep = "tmpfs";

    /// <summary>A step of the trial: mounting an overlay.</summary>
    public const string OverlayStep = "overlay";

    /// <summary>A step of the trial: replacing a directory in the overlay.</summary>
    public const string ReplaceStep = "replace";

    /// <summary>First argument: enter the namespaces of a running instance and run a command there.</summary>
    public const string JoinMode = "join";

    /// <summary>First argument: leave the session of the caller, and keep an instance. How many images
    /// were passed follows.</summary>
    public const string DetachMode = "detach";

    /// <summary>First argument: keep an instance.</summary>
    public const string KeepMode = "keep";

    /// <summary>On the control pipe: the maps are written. On the life pipe: the tree stands.</summary>
    public const byte Go = (byte)'g';

    /// <summary>On the control pipe: end the command. The next byte is the signal to send; four more, little-endian, say
    /// for how many milliseconds the command has time before it is killed.</summary>
    public const byte End = (byte)'e';

    /// <summary>How long a command has time after SIGTERM when nothing else was said.</summary>
    public const int GraceMilliseconds = 3000;

    /// <summary>The user namespace stands; its maps have to be written.</summary>
    public const string NamespacesReady = "namespaces";

    /// <summary>The process that becomes the command has been started; its id follows.</summary>
    public const string Started = "started";

    /// <summary>The command runs in the container, or the container stands without one.</summary>
    public const string Entered = "entered";

    /// <summary>Something follows that only a curious user wants to know.</summary>
    public const string Note = "note";

    /// <summary>The name of a phase, and when it was over (<see cref="PhaseTimes.Now"/>), follow.</summary>
    public const string Phase = "phase";

    /// <summary>A warning for the user follows.</summary>
    public const string Warning = "warning";

    /// <summary>An error id and a text follow: the container could not be run.</summary>
    public const string Error = "error";

    /// <summary>The exit code follows; nothing is mounted any more.</summary>
    public const string Ended = "ended";

    /// <summary>The exit code when the container could not be run.</summary>
    public const int FailureExitCode = 255;

    /// <summary>The exit code when the command does not exist, as shells have it.</summary>
    public const int NotFoundExitCode = 127;

    /// <summary>A text that fits on one line, between tabs.</summary>
    public static string Escape(string text) =>
        text.Replace("\\", "\\\\", StringComparison.Ordinal)
            .Replace("\t", "\\t", StringComparison.Ordinal)
            .Replace("\n", "\\n", StringComparison.Ordinal)
            .Replace("\r", "\\r", StringComparison.Ordinal);

    /// <summary>What <see cref="Escape"/> was given.</summary>
    public static string Unescape(string text)
    {
        if (!text.Contains('\\', StringComparison.Ordinal))
            return text;
        var result = new System.Text.StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] != '\\' || i + 1 == text.Length)
            {
                result.Append(text[i]);
                continue;
            }

            result.Append(text[++i] switch { 't' => '\t', 'n' => '\n', 'r' => '\r', var other => other });
        }

        return result.ToString();
    }
}
