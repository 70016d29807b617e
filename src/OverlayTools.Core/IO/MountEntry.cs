using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace OverlayTools.IO;

/// <summary>A line of <c>/proc/PID/mountinfo</c>.</summary>
/// <param name="Id">The mount's number, as <c>fdinfo</c> names it too.</param>
/// <param name="Device">Major and minor number of the file system, as <c>7:0</c>.</param>
/// <param name="MountPoint">Where it is mounted, safe to show.</param>
/// <param name="ReadOnly">Whether the file system itself is read-only.</param>
/// <param name="UpperDirectory">Of the kernel's overlayfs, what it writes to, as it was named when it was mounted.</param>
internal readonly partial record struct MountEntry(int Id, string Device, string MountPoint, bool ReadOnly, string? UpperDirectory = null)
{
    private const string UpperOption = "upperdir=";

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
        var options = words[separator + 3].Split(',');
        var upper = words[separator + 1] == "overlay"
            ? Array.Find(options, option => option.StartsWith(UpperOption, StringComparison.Ordinal))
            : null;
        return new MountEntry(
            id, words[2], PrintableText.Show(Encoding.UTF8.GetBytes(Unescape(words[4]))), options.Contains("ro"),
            upper is null ? null : Unescape(upper[UpperOption.Length..]));
    }

    // The kernel writes what separates, and backslashes, in octal: of a path blanks, of an option commas too.
    private static string Unescape(string path) =>
        Escaped().Replace(path, static found => ((char)Convert.ToInt32(found.Value[1..], 8)).ToString());

    [GeneratedRegex(@"\\[0-3][0-7]{2}")]
    private static partial Regex Escaped();
}
