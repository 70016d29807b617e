using Microsoft.Win32.SafeHandles;
using OverlayTools.Containers;
using OverlayTools.Native;

namespace OverlayTools.Init;

/// <summary>
/// The process that becomes the command, or, where processes are numbered anew, the first of them: its end is the end of
/// all.
/// </summary>
internal sealed class SupervisedCommand(ContainerPlan plan)
{
    private const int PollMilliseconds = 10;

    // Open for as long as this process lives: by its end, those who start sees that we are gone.
    private static SafeFileHandle? s_life;

    private readonly Lock _gate = new();
    private bool _stopping;
    private int _launched;
    private int _processId;

    /// <summary>Does what the engine says from now on.</summary>
    public void FollowControl() => ControlPipe.Follow(End);

    /// <summary>Starts the process, which then waits for <see cref="Start"/>: while the layers are being mounted, it gets ready.</summary>
    public void Launch() => _launched = plan.Namespaces.Processes ? SpawnFirstProcess() : Spawn();

    /// <summary>Lets the process enter the tree.</summary>
    /// <returns>Its id; null when it was stopped before.</returns>
    public int? Start()
    {
        if (_launched == 0)
            Launch();
        lock (_gate)
        {
            if (_stopping)
                return null;
            _processId = _launched;
            Descriptors.Write(s_life!, [InitProtocol.Go]);
            return _processId;
        }
    }

    /// <summary>Has a process end that was launched, and has not entered the tree.</summary>
    public void Abandon()
    {
        if (_launched == 0 || _processId != 0)
            return;
        s_life?.Dispose();
        _ = Processes.Wait(_launched, block: true);
        _launched = 0;
    }

    /// <summary>Its id may belong to another process from now on.</summary>
    public void HasEnded()
    {
        lock (_gate)
            _processId = _launched = 0;
    }

    private void Signal(int signal)
    {
        lock (_gate)
        {
            if (_processId == 0)
                return;
            if (!plan.Namespaces.Processes || signal == Processes.Kill)
                Processes.Signal(_processId, signal);
            else
                Members().ForEach(member => Processes.Signal(member, signal));
        }
    }

    private void End(int signal, int graceMilliseconds)
    {
        lock (_gate)
            _stopping = true;
        Signal(signal);
        for (var waited = 0; waited < graceMilliseconds && IsBusy(); waited += PollMilliseconds)
            Thread.Sleep(PollMilliseconds);
        Signal(Processes.Kill);
    }

    // The first process of an instance has nothing to do any more when the others are gone.
    private bool IsBusy()
    {
        lock (_gate)
            return _processId != 0 && (!plan.Namespaces.Processes || Members().Count > 0);
    }

    private List<int> Members() => PidNamespaceMembers.Of(_processId);

    // The kernel kills the child when the thread that started it ends, and that thread can start no other thread: it is
    // one of its own, and stays.
    private int SpawnFirstProcess()
    {
        var result = new TaskCompletionSource<int>();
        new Thread(() =>
        {
            try
            {
                Namespaces.UnshareProcesses();
                result.SetResult(Spawn());
            }
            catch (Exception error)
            {
                result.SetException(error);
                return;
            }

            Thread.Sleep(Timeout.Infinite);
        })
        { IsBackground = true }.Start();
        return result.Task.GetAwaiter().GetResult();
    }

    private static int Spawn()
    {
        var self = Environment.ProcessPath ?? throw new InvalidOperationException("This program has no path.");
        var (reader, writer) = Descriptors.Pipe();
        s_life = writer;
        using var inherited = new InheritedHandles();
        inherited.PassAndClose(reader, InitProtocol.LifeDescriptor);
        inherited.Pass(InitProtocol.PlanDescriptor, InitProtocol.PlanDescriptor);
        inherited.Pass(InitProtocol.StatusDescriptor, InitProtocol.StatusDescriptor);
        return Native.Spawn.Program(self, [self, InitProtocol.EnterMode], [], inherited.Mapping);
    }
}
