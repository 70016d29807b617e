using System.Globalization;
using OverlayTools.Native;

namespace OverlayTools.Containers.Engines;

/// <summary>The processes of a container of Apptainer or Singularity, below the one that was started.</summary>
internal static class ForeignProcesses
{
    /// <summary>Sends a signal to every process below, but not to the FUSE programs: they end when nothing needs them, and
    /// have written everything then.</summary>
    public static void SignalPayload(int processId, int signal)
    {
        foreach (var child in Descendants(processId).Where(child => !IsFuseProgram(child)).ToList())
            Processes.Signal(child, signal);
    }

    /// <summary>Sends a signal to the FUSE programs below.</summary>
    public static void SignalFusePrograms(IEnumerable<int> processes, int signal)
    {
        foreach (var process in processes.Where(IsFuseProgram))
            Processes.Signal(process, signal);
    }

    /// <summary>All processes below, parents first.</summary>
    public static IEnumerable<int> Descendants(int processId)
    {
        foreach (var child in Children(processId))
        {
            yield return child;
            foreach (var grandchild in Descendants(child))
                yield return grandchild;
        }
    }

    // proc_pid_task_children(5): each thread's own children.
    private static List<int> Children(int processId)
    {
        var children = new List<int>();
        try
        {
            foreach (var thread in Directory.EnumerateDirectories($"/proc/{processId}/task"))
            {
                children.AddRange(File.ReadAllText(thread + "/children")
                    .Split(' ', StringSplitOptions.RemoveEmptyEntries)
                    .Select(id => int.Parse(id, CultureInfo.InvariantCulture)));
            }
        }
        catch (IOException)
        {
            // It has ended meanwhile.
        }

        return children;
    }

    private static bool IsFuseProgram(int processId)
    {
        try
        {
            var name = File.ReadAllText($"/proc/{processId}/comm").TrimEnd('\n');
            return name.StartsWith("squashfuse", StringComparison.Ordinal) || name is "fuse2fs" or "fuse-overlayfs" or "gocryptfs";
        }
        catch (IOException)
        {
            return false;
        }
    }
}
