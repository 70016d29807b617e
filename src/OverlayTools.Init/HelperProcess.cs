using OverlayTools.Containers;
using OverlayTools.Native;

namespace OverlayTools.Init;

/// <summary>
/// Becomes a FUSE program. When the supervisor is killed, the program gets SIGTERM, upon which it writes what it still
/// has and unmounts; SIGKILL would lose that.
/// </summary>
internal static class HelperProcess
{
    public static int Become(bool denyWriting, string[] command)
    {
        Processes.LeaveProcessGroup();
        Privileges.DieWithParent(Processes.Terminate);
        if (denyWriting)
            WriteFilter.Install();

        var errno = Processes.Execute(command[0], command, OwnEnvironment.Variables());
        Console.Error.WriteLine(new LinuxException("execve", errno, command[0]).Message);
        return InitProtocol.NotFoundExitCode;
    }
}
