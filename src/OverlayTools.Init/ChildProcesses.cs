using System.Globalization;

namespace OverlayTools.Init;

/// <summary>Finds the children of a process.</summary>
/// <remarks>The list in <c>/proc/PID/task/TID/children</c> skips some when one of them is waited for meanwhile: only
/// whoever waits for them may rely on it. A walk through all processes takes long on a busy machine, and is for
/// kernels without that list.</remarks>
internal static class ChildProcesses
{
    public static IEnumerable<int> Of(int parent)
    {
        var threads = Directory.GetDirectories($"/proc/{parent}/task");
        return threads.Length > 0 && File.Exists(threads[0] + "/children")
            ? threads.SelectMany(Listed)
            : AmongAll(parent);
    }

    private static IEnumerable<int> Listed(string thread)
    {
        try
        {
            return File.ReadAllText(thread + "/children")
                .Split(' ', StringSplitOptions.RemoveEmptyEntries)
                .Select(id => int.Parse(id, CultureInfo.InvariantCulture));
        }
        catch (IOException)
        {
            return []; // the thread has ended, and another one has its children
        }
    }

    private static IEnumerable<int> AmongAll(int parent)
    {
        foreach (var directory in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(directory), NumberStyles.None, CultureInfo.InvariantCulture, out var id)
                && ParentOf(directory) == parent)
            {
                yield return id;
            }
        }
    }

    private static int? ParentOf(string directory)
    {
        try
        {
            var stat = File.ReadAllText(directory + "/stat");
            // The second field is the name in parentheses, and may itself hold spaces and parentheses.
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return int.Parse(fields[1], CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            return null; // ended meanwhile
        }
    }
}
