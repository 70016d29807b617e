using OverlayTools.Containers;
using OverlayTools.Native;

namespace OverlayTools.Init;

/// <summary>A file system served by a FUSE program, from its start until the program has ended by itself.</summary>
internal sealed class FuseMount
{
    private const int PollMilliseconds = 2;
    private const int ReadyMilliseconds = 30_000;
    private const int PatienceMilliseconds = 10_000;

    private readonly string _log;
    private int? _exitCode;

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

    /// <summary>Starts the program and waits until the file system is mounted.</summary>
    /// <param name="command">The program's path and arguments.</param>
    /// <param name="target">The mount point.</param>
    /// <param name="log">A file for what the program prints.</param>
    /// <param name="image">The descriptor of the image that it inherits, or -1.</param>
    /// <param name="denyWriting">Whether opening the image for writing is denied.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.HelperFailed"/> with what the program printed.</exception>
    public static FuseMount Start(IReadOnlyList<string> command, string target, string log, int image, bool denyWriting)
    {
        var self = Environment.ProcessPath ?? throw new InvalidOperationException("This program has no path.");
        string[] arguments =
            [self, InitProtocol.HelperMode, denyWriting ? InitProtocol.DenyWriting : InitProtocol.AllowWriting, .. command];
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
        var processId = Spawn.Program(self, arguments, OwnEnvironment.Variables(), descriptors);
        var mount = new FuseMount(name, target, log, processId);
        mount.WaitUntilReady();
        return mount;
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
        for (var waited = 0; _exitCode is null; waited += PollMilliseconds)
        {
            if (Processes.Wait(ProcessId, block: false) is { } ended)
            {
                _exitCode = ended.ExitCode;
                break;
            }

            if (waited == PatienceMilliseconds)
                StatusChannel.Warn($"Waiting for {Name} to write what it still has to the disk.");
            else if (waited > 0 && waited % PatienceMilliseconds == 0)
                StatusChannel.Note($"{Name} is still writing: {Written()} bytes so far.");
            Thread.Sleep(PollMilliseconds);
        }
    }

    private void WaitUntilReady()
    {
        for (var waited = 0; !MountTable.Has(Target); waited += PollMilliseconds)
        {
            if (Processes.Wait(ProcessId, block: false) is { } ended)
            {
                _exitCode = ended.ExitCode;
                throw new EngineException(ErrorIds.HelperFailed, $"{Name} failed: {ReadLog()}");
            }

            if (waited >= ReadyMilliseconds)
            {
                Processes.Signal(ProcessId, Processes.Terminate);
                throw new EngineException(ErrorIds.HelperFailed,
                    $"{Name} did not mount its file system within {ReadyMilliseconds / 1000} seconds. {ReadLog()}");
            }

            Thread.Sleep(PollMilliseconds);
        }

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

    private string ReadLog()
    {
        var text = File.ReadAllText(_log).Trim();
        return text.Length > 0 ? text : $"exit code {_exitCode}";
    }
}
