using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;
using OverlayTools.Containers;
using OverlayTools.Containers.Instances;
using OverlayTools.Native;

namespace OverlayTools.Init;

/// <summary>
/// Keeps an instance: does for it what the engine does for other containers, in a process that needs no caller. When it is
/// killed, the supervisor ends the container in order; when the supervisor is killed, it ends what that leaves.
/// </summary>
internal static class InstanceKeeper
{
    private static readonly Lock s_gate = new();
    private static bool s_asked;

    /// <summary>Leaves session and parent of the starter, which waits for this process.</summary>
    /// <param name="imageCount">Images that were inherited.</param>
    public static int Detach(int imageCount)
    {
        Processes.LeaveSession();
        // Whatever else the starter had open, and did not mean for us, must not stay open for as long as the instance runs.
        Descriptors.Close(InitProtocol.ControlDescriptor, InitProtocol.FirstImageDescriptor - 1);
        Descriptors.Close(InitProtocol.FirstImageDescriptor + imageCount, int.MaxValue);
        var self = Environment.ProcessPath ?? throw new InvalidOperationException("This program has no path.");
        // Everything that was inherited goes on.
        _ = Spawn.Program(self, [self, InitProtocol.KeepMode], OwnEnvironment.Variables(), []);
        return 0;
    }

    /// <summary>Starts the container, and stays until it has ended.</summary>
    public static int Keep()
    {
        Descriptors.CloseOnExecFrom(InitProtocol.PlanDescriptor);
        Processes.Ignore(Processes.HangUp);
        Environment.CurrentDirectory = "/";
        var task = JsonSerializer.Deserialize(
            InitProgram.Read(new SafeFileHandle(InitProtocol.PlanDescriptor, ownsHandle: false)), InstanceJson.Default.InstanceTask)
            ?? throw new InvalidDataException("The task is empty.");
        try
        {
            return Keep(task);
        }
        catch (Exception error) when (error is EngineException or IOException or UnauthorizedAccessException)
        {
            StatusChannel.Fail(error);
            Console.Error.WriteLine(error.Message);
            return InitProtocol.FailureExitCode;
        }
    }

    private static int Keep(InstanceTask task)
    {
        var record = task.Record with { Keeper = ProcessMarks.Of(Environment.ProcessId) };
        InstanceStore.Save(task.Directory, record);
        List<SafeFileHandle> images = [.. Enumerable.Range(InitProtocol.FirstImageDescriptor, task.ImageCount)
            .Select(descriptor => new SafeFileHandle(descriptor, ownsHandle: true))];
        // Open for both, so that it has no end when those who write to it go.
        using var pipe = Open.File(InstanceStore.PipeOf(task.Directory), Open.ReadWrite);
        using var container = ContainerProcess.Start(
            record.Plan, images, ContainerStreams.Inherited, WriterMarks.For(record.Plan, images));
        // The container has them now: nothing that it ends may wait for us.
        images.ForEach(image => image.Dispose());
        using var terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
        {
            context.Cancel = true;
            End(container, Processes.Terminate, TimeSpan.FromMilliseconds(InitProtocol.GraceMilliseconds));
        });
        Follow(pipe, container);

        if (container.Entered.GetAwaiter().GetResult() is not { } init)
            return Failed(container, task.Directory);
        record = record with { Supervisor = ProcessMarks.Of(container.ProcessId), Init = ProcessMarks.Of(init) };
        InstanceStore.Save(task.Directory, record);
        Report(container);
        StatusChannel.Send(InitProtocol.Entered);
        StatusChannel.Close();

        var outcome = container.Completion.GetAwaiter().GetResult();
        while (container.TryTakeWarning(out var warning))
            Console.Error.WriteLine(warning);
        return Finish(record, task.Directory, outcome);
    }

    private static int Finish(InstanceRecord record, string directory, ContainerOutcome outcome)
    {
        bool asked;
        lock (s_gate)
            asked = s_asked;
        if (asked && outcome.Failure is null)
        {
            InstanceStore.RemoveDirectory(directory);
            return 0;
        }

        // Whoever looks next should hear of it.
        var failure = outcome.Failure?.Message ?? "Its first process was killed.";
        Console.Error.WriteLine(failure);
        InstanceStore.Save(directory, record with { Failure = failure });
        return outcome.ExitCode;
    }

    private static int Failed(ContainerProcess container, string directory)
    {
        var outcome = container.Completion.GetAwaiter().GetResult();
        Report(container);
        StatusChannel.Fail(outcome.Failure ?? new EngineException(ErrorIds.ContainerStartFailed, "The instance was stopped while it was being started."));
        InstanceStore.RemoveDirectory(directory);
        return outcome.ExitCode;
    }

    private static void Report(ContainerProcess container)
    {
        while (container.TryTakeWarning(out var warning))
            StatusChannel.Warn(warning);
    }

    private static void Follow(SafeFileHandle pipe, ContainerProcess container) => new Thread(() =>
    {
        using var reader = new StreamReader(new FileStream(pipe, FileAccess.Read, bufferSize: 0));
        while (reader.ReadLine() is { } line)
        {
            if (line.Split(' ') is [var signal, var grace]
                && byte.TryParse(signal, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
                && uint.TryParse(grace, NumberStyles.None, CultureInfo.InvariantCulture, out var milliseconds))
            {
                End(container, number, TimeSpan.FromMilliseconds(milliseconds));
            }
        }
    })
    { IsBackground = true }.Start();

    private static void End(ContainerProcess container, int signal, TimeSpan grace)
    {
        lock (s_gate)
            s_asked = true;
        container.Stop(signal, grace);
    }
}
