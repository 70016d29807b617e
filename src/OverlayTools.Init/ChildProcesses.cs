using System.Globalization;

namespace OverlayTools.Init;

/// <summary>Finds processes by their parent (<c>/proc/PID/stat</c>, fourth field).</summary>
internal static class ChildProcesses
{
    public static IEnumerable<int> Of(int parent)
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
