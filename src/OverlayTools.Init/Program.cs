using OverlayTools.Containers;
using OverlayTools.Init;
using OverlayTools.Native;

// What is made for the container is open to its users whatever the caller's mask; the command gets that back.
FileModeMask.Set(FileModeMask.Ordinary);

// The engine starts this program in fresh namespaces, never a person: arguments are InitProtocol's.
switch (args)
{
    case [InitProtocol.RunMode]:
        return Supervisor.Run();
    case [InitProtocol.JoinMode]:
        return JoinedCommand.Run();
    case [InitProtocol.DetachMode, var count]:
        return InstanceKeeper.Detach(int.Parse(count, System.Globalization.CultureInfo.InvariantCulture));
    case [InitProtocol.KeepMode]:
        return InstanceKeeper.Keep();
    case [InitProtocol.EnterMode]:
        return Entrance.Run();
    case [InitProtocol.TrialMode, var directory, var options]:
        return MountTrial.Run(directory, options);
    default:
        Console.Error.WriteLine("overlaytools-init is started by OverlayTools itself; use Invoke-ContainerWithOverlay.");
        return InitProtocol.FailureExitCode;
}
