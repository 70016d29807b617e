using System.Globalization;

namespace OverlayTools.Init;

/// <summary>Finds the processes of a pid namespace (<c>/proc/PID/ns/pid</c>).</summary>
internal static class PidNamespaceMembers
{
    /// <summary>All but the first.</summary>
    /// <param name="first">The first process, as we number it.</param>
    public static List<int> Of(int first)
    {
        if (NamespaceOf(first) is not { } wanted)
            return [];
        var members = new List<int>();
        foreach (var directory in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(directory), NumberStyles.None, CultureInfo.InvariantCulture, out var id)
                && id != first && NamespaceOf(id) == wanted)
            {
                members.Add(id);
            }
        }

        return members;
    }

    private static string? NamespaceOf(int processId)
    {
        try
        {
            return new FileInfo(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/ns/pid")).LinkTarget;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null; // ended meanwhile, or another user's
        }
    }
}
