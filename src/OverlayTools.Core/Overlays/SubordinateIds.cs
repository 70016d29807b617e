using System.Globalization;

namespace OverlayTools.Overlays;

/// <summary>Ranges of ids that the administrator gave a user (<c>subuid(5)</c>, <c>subgid(5)</c>).</summary>
public static class SubordinateIds
{
    /// <summary>As many ids as a Linux system ordinarily uses; ranges are given in this size.</summary>
    public const uint OrdinaryCount = 65536;

    /// <summary>The range that a file of this system gives a user; null without one.</summary>
    /// <param name="path"><c>/etc/subuid</c> or <c>/etc/subgid</c>.</param>
    /// <param name="userName">Login name.</param>
    /// <param name="userId">User id.</param>
    internal static (uint Start, uint Count)? Read(string path, string userName, uint userId)
    {
        try
        {
            return Choose(File.ReadLines(path), userName, userId);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null; // no such file: nobody has subordinate ids
        }
    }

    /// <summary>The range to use: one of exactly 65536 ids if there is one, else the largest above; null without one.</summary>
    /// <param name="lines">Lines of <c>/etc/subuid</c> or <c>/etc/subgid</c>: <c>name-or-uid:start:count</c>.</param>
    /// <param name="userName">Login name; group ranges are given by user name too.</param>
    /// <param name="userId">User id.</param>
    public static (uint Start, uint Count)? Choose(IEnumerable<string> lines, string userName, uint userId)
    {
        var number = userId.ToString(CultureInfo.InvariantCulture);
        var ranges = lines
            .Select(line => line.Trim().Split(':'))
            .Where(fields => fields.Length == 3 && (fields[0] == userName || fields[0] == number))
            .Select(Parse)
            .OfType<(uint Start, uint Count)>()
            .Where(range => range.Count >= OrdinaryCount)
            .ToList();
        if (ranges.Count == 0)
            return null;
        var exact = ranges.FindIndex(range => range.Count == OrdinaryCount);
        return exact >= 0 ? ranges[exact] : ranges.MaxBy(range => range.Count);
    }

    private static (uint Start, uint Count)? Parse(string[] fields) =>
        uint.TryParse(fields[1], NumberStyles.None, CultureInfo.InvariantCulture, out var start)
        && uint.TryParse(fields[2], NumberStyles.None, CultureInfo.InvariantCulture, out var count)
            ? (start, count)
            : null;
}
