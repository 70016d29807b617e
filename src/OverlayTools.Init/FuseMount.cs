using OverlayTools.Native;

namespace OverlayTools.Init;

/// <summary>A file system served by a FUSE program, from its start until the program has ended by itself.</summary>
internal sealed class FuseMount
{
    private const int PollMilliseconds = 20;
    private const int ReadyMilliseconds = 30_000;
    private const int PatienceMilliseconds = 10_000;

    private readonly string _log;
    private int? _exitCode;
    private bool _ready;

    private FuseMount(string name, string target, string log, int processId)
    {
        Name = name;
        Target = target;
        _log = log;
        ProcessId = processId;
    }

    public string Name { get; }

    public string Target { get; }

    public int ProcessId { get; }

    /// <summary>Starts the program; <see cref="WaitUntilReady"/> has to follow. When we are killed, it gets SIGTERM, upon which
    /// it writes what it still has and unmounts; SIGKILL would lose that.</summary>
    /// <param name="command">The program's path and arguments.</param>
    /// <param name="target">The mount point.</param>
    /// <param name="log">A file for what the program prints.</param>
    /// <param name="image">The descriptor of the image that it inherits, or -1.</param>
    /// <param name="denyWriting">Whether opening the image for writing is denied.</param>
    public static FuseMount Start(IReadOnlyList<string> command, string target, string log, int image, bool denyWriting)
    {
        using var nothing = Open.File("/dev/null", Open.ReadOnly);
        using var output = Open.File(log, Open.WriteOnly | Open.Create, 0b110_000_000);
        var descriptors = new List<(int, int)>
        {
            (nothing.DangerousGetHandle().ToInt32(), 0),
            (output.DangerousGetHandle().ToInt32(), 1),
            (output.DangerousGetHandle().ToInt32(), 2),
        };
        if (image >= 0)
            descriptors.Add((image, image));

        var name = Path.GetFileName(command[0]);
        var processId = ForkedHelper.Start(
            command[0], command, OwnEnvironment.Variables(), descriptors, denyWriting ? WriteFilter.Instructions() : []);
        return new FuseMount(name, target, log, processId);
    }

    /// <summary>Takes note that the program has ended.</summary>
    /// <returns>Whether it was this one.</returns>
    public bool NoteEnd(int processId, int exitCode)
    {
        if (processId != ProcessId)
            return false;
        _exitCode = exitCode;
        return true;
    }

    /// <summary>
    /// Waits, after the unmount, until the program has written everything and ended. There is no short limit: a slow
    /// disk is no reason to lose data. A warning says what is being waited for.
    /// </summary>
    public void WaitUntilEnded()
    {
        using var process = Waiting.ProcessDescriptor(ProcessId);
        var start = Environment.TickCount64;
        var noted = start;
        for (var told = false; _exitCode is null;)
        {
            if (Processes.Wait(ProcessId, block: false) is { } ended)
            {
                _exitCode = ended.ExitCode;
                break;
            }

            if (!told && Environment.TickCount64 - start >= PatienceMilliseconds)
            {
                told = true;
                noted = Environment.TickCount64;
                StatusChannel.Warn($"Waiting for {Name} to write what it still has to the disk.");
            }
            else if (told && Environment.TickCount64 - noted >= PatienceMilliseconds)
            {
                noted = Environment.TickCount64;
                StatusChannel.Note($"{Name} is still writing: {Written()} bytes so far.");
            }

            Waiting.For(process, Waiting.Readable, null, 0, process is null ? PollMilliseconds : PatienceMilliseconds);
        }
    }

    /// <summary>Waits until the file system is mounted.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.HelperFailed"/> with what the program printed.</exception>
    public void WaitUntilReady()
    {
        using var process = Waiting.ProcessDescriptor(ProcessId);
        // Opened before the first look: whatever changes from then on is an event.
        using var mounts = Open.TryFile("/proc/self/mountinfo", Open.ReadOnly, 0, out _);
        for (var start = Environment.TickCount64; !MountTable.Has(Target);)
        {
            if (_exitCode is not null || Processes.Wait(ProcessId, block: false) is { } ended && NoteEnd(ProcessId, ended.ExitCode))
                throw new EngineException(ErrorIds.HelperFailed, $"{Name} failed: {ReadLog()}");

            if (Environment.TickCount64 - start >= ReadyMilliseconds)
            {
                Processes.Signal(ProcessId, Processes.Terminate);
                throw new EngineException(ErrorIds.HelperFailed,
                    $"{Name} did not mount its file system within {ReadyMilliseconds / 1000} seconds. {ReadLog()}");
            }

            Waiting.For(process, Waiting.Readable, mounts, Waiting.Changed, PollMilliseconds);
        }

        _ready = true;
        // The kernel knows nothing of the root directory, not even its permissions, until somebody asks; overlayfs would
        // copy "nobody may enter" from it for good (Apptainer mounts twice for that reason).
        _ = File.GetUnixFileMode(Target);
    }

    // What it gave to the disk since its start (/proc/PID/io, write_bytes).
    private string Written()
    {
        try
        {
            return File.ReadLines($"/proc/{ProcessId}/io").FirstOrDefault(line => line.StartsWith("write_bytes:", StringComparison.Ordinal))
                ?["write_bytes: ".Length..] ?? "?";
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return "?"; // it has ended just now
        }
    }

    /// <summary>Waits until there is something to unmount, or the program has ended: what another layer's failure leaves
    /// half started would otherwise mount after it was looked for.</summary>
    public void WaitUntilDecided()
    {
        if (_ready || _exitCode is not null)
            return;
        try
        {
            WaitUntilReady();
        }
        catch (EngineException)
        {
            // Another failure is being reported already.
        }
    }

    private string ReadLog()
    {
        var text = File.ReadAllText(_log).Trim();
        return text.Length > 0 ? text : $"exit code {_exitCode}";
    }
}
