using System.Globalization;
using System.Text;

namespace OverlayTools.IO;

/// <summary>A line of <c>/proc/PID/mountinfo</c>.</summary>
/// <param name="Id">The mount's number, as <c>fdinfo</c> names it too.</param>
/// <param name="Device">Major and minor number of the file system, as <c>7:0</c>.</param>
/// <param name="MountPoint">Where it is mounted, safe to show.</param>
/// <param name="ReadOnly">Whether the file system itself is read-only.</param>
internal readonly record struct MountEntry(int Id, string Device, string MountPoint, bool ReadOnly)
{
    private const int MostText = 16 << 20;

    /// <summary>The mounts that a process sees; empty when it has ended.</summary>
    public static IReadOnlyList<MountEntry> Of(int processId)
    {
        var text = Encoding.UTF8.GetString(ProcessFacts.Read(processId, "mountinfo", MostText));
        return [.. text.Split('\n').Select(Parse).OfType<MountEntry>()];
    }

    // 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
    private static MountEntry? Parse(string line)
    {
        var words = line.Split(' ');
        var separator = Array.IndexOf(words, "-");
        if (separator < 6 || words.Length < separator + 4
            || !int.TryParse(words[0], NumberStyles.None, CultureInfo.InvariantCulture, out var id))
            return null;
        var readOnly = words[separator + 3].Split(',').Contains("ro");
        return new MountEntry(id, words[2], PrintableText.Show(Encoding.UTF8.GetBytes(Unescape(words[4]))), readOnly);
    }

    // The kernel writes blanks and backslashes of a path in octal.
    private static string Unescape(string path) =>
        path.Replace("\\040", " ", StringComparison.Ordinal).Replace("\\011", "\t", StringComparison.Ordinal)
            .Replace("\\012", "\n", StringComparison.Ordinal).Replace("\\134", "\\", StringComparison.Ordinal);
}
