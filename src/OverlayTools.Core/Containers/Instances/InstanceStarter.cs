using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;
using OverlayTools.Native;

namespace OverlayTools.Containers.Instances;

/// <summary>Starts containers that go on when their starter has ended.</summary>
public static class InstanceStarter
{
    private const int LogAccess = 0b110_000_000;
    private const int Append = 0x400; // O_APPEND

    /// <summary>Starts an instance, and returns when its start script runs, or, without one, when the container stands.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="request">The image and its overlays; the command is the arguments of the start script.</param>
    /// <param name="warnings">Takes what the user should know.</param>
    /// <param name="progress">Told of what takes long before it starts.</param>
    /// <param name="cancellation">Ends the instance again while it is being started.</param>
    /// <exception cref="EngineException">When it cannot be started; nothing of it is left then.</exception>
    public static ContainerInstance Start(
        string name, ContainerRequest request, ICollection<string> warnings, IProgress<EngineProgress>? progress, CancellationToken cancellation)
    {
        InstanceName.Check(name);
        var store = InstanceStore.Open();
        store.Prepare();
        // The first process of the namespace keeps the instance, whatever becomes of what it starts.
        var (images, plan) = ContainerRunner.Prepare(request with { PidNamespace = true }, warnings, progress, cancellation);
        using var opened = images;
        plan = plan with { StaysAlive = true, TakesTerminal = false, Environment = InstanceEnvironment.Add(plan.Environment, name) };
        var record = Describe(name, request, plan, store);
        store.Reserve(record);
        try
        {
            images.Add(SessionDirectory.Create(plan.SessionDirectory), plan.SessionDirectory);
            Launch(record, store.DirectoryOf(name), images, warnings, cancellation);
            return ContainerInstance.Of(store.Find(name)
                ?? throw new EngineException(ErrorIds.ContainerStartFailed, $"The instance '{name}' has ended at once.",
                    $"Look into '{record.ErrorPath}'.", name));
        }
        catch
        {
            InstanceFinder.PutAway(store, record);
            throw;
        }
    }

    private static InstanceRecord Describe(string name, ContainerRequest request, ContainerPlan plan, InstanceStore store) => new()
    {
        Name = name,
        HostName = Environment.MachineName,
        BootId = InstanceStore.BootId,
        UserName = Environment.UserName,
        ImagePath = request.ImagePath,
        Overlays = [.. request.Overlays.Select(overlay => overlay.ReadOnly ? overlay.Path + ":ro" : overlay.Path)],
        Started = DateTimeOffset.UtcNow,
        Keeper = ProcessMarks.Of(Environment.ProcessId),
        OutputPath = store.LogOf(name, "out"),
        ErrorPath = store.LogOf(name, "err"),
        Plan = plan,
    };

    private static void Launch(
        InstanceRecord record, string directory, ImageSet images, ICollection<string> warnings, CancellationToken cancellation)
    {
        var init = InitProgram.Find();
        using var task = InitProgram.Write(JsonSerializer.SerializeToUtf8Bytes(
            new InstanceTask(record, directory, images.Files.Count), InstanceJson.Default.InstanceTask));
        using var nothing = Open.File("/dev/null", Open.ReadOnly);
        using var output = Open.File(record.OutputPath, Open.WriteOnly | Open.Create | Open.NoFollow | Append, LogAccess);
        using var error = Open.File(record.ErrorPath, Open.WriteOnly | Open.Create | Open.NoFollow | Append, LogAccess);
        var (reader, writer) = Descriptors.Pipe();
        using (reader)
        {
            using (var inherited = new InheritedHandles())
            {
                inherited.PassAndClose(writer, InitProtocol.StatusDescriptor);
                inherited.Pass(task, InitProtocol.PlanDescriptor);
                inherited.Pass(nothing, 0);
                inherited.Pass(output, 1);
                inherited.Pass(error, 2);
                for (var i = 0; i < images.Files.Count; i++)
                    inherited.Pass(images.Files[i], InitProtocol.FirstImageDescriptor + i);
                var child = Spawn.Program(init, [init, InitProtocol.DetachMode, images.Files.Count.ToString(CultureInfo.InvariantCulture)], OwnEnvironment.Variables(), inherited.Mapping);
                _ = Processes.Wait(child, block: true);
            }

            using var stopped = cancellation.Register(() => InstanceStopper.TrySend(directory, Processes.Kill, TimeSpan.Zero));
            ReadReport(reader, record, warnings);
            cancellation.ThrowIfCancellationRequested();
        }
    }

    private static void ReadReport(SafeFileHandle report, InstanceRecord record, ICollection<string> warnings)
    {
        EngineException? failure = null;
        var entered = false;
        using var reader = new StreamReader(new FileStream(report, FileAccess.Read, bufferSize: 0), Encoding.UTF8);
        while (reader.ReadLine() is { } line)
        {
            switch (line.Split('\t').Select(InitProtocol.Unescape).ToArray())
            {
                case [InitProtocol.Entered]:
                    entered = true;
                    break;
                case [InitProtocol.Warning, var text]:
                    warnings.Add(text);
                    break;
                case [InitProtocol.Error, var id, var text]:
                    failure ??= new EngineException(id, text, target: record.ImagePath);
                    break;
                default:
                    break;
            }
        }

        if (!entered)
            throw failure ?? new EngineException(ErrorIds.ContainerStartFailed,
                string.Create(CultureInfo.InvariantCulture, $"The instance '{record.Name}' was killed while it was being started."),
                $"Look into '{record.ErrorPath}'.", record.Name);
    }
}
