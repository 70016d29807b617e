using System.Buffers;
using System.Management.Automation;

namespace OverlayTools;

/// <summary>
/// The full path of what is plainly a path of the file system. PowerShell resolves every kind of path, and for each one
/// reads the list of all mounts, to see whether it names a drive: more work than reading a SIF image's table.
/// </summary>
internal static class PlainPath
{
    // A drive or provider, a home directory, and what PowerShell takes for a slash.
    private static readonly SearchValues<char> s_special = SearchValues.Create(":~\\");

    /// <summary>Resolves a path whose parts are names, in a session that is in the file system.</summary>
    /// <param name="session">The session's paths.</param>
    /// <param name="path">A path as the user gave it; wildcard characters stand for themselves.</param>
    /// <returns>Null for any other path, which PowerShell has to resolve.</returns>
    public static string? TryResolve(PathIntrinsics session, string path)
    {
        if (!IsPlain(path))
            return null;
        var location = session.CurrentLocation;
        // A drive of the user's may have its root anywhere. Where that is the root, the location is the provider's path.
        if (location.Provider.Name != "FileSystem" || location.Drive?.Name != "/")
            return null;
        return path[0] == '/' ? path : Path.Combine(location.Path, path);
    }

    /// <summary>The full path of what PowerShell found.</summary>
    public static string Of(PathInfo found) =>
        found.Drive?.Name == "/" && found.Path.StartsWith('/') && IsPlain(found.Path) ? found.Path : found.ProviderPath;

    private static bool IsPlain(string path) => !path.AsSpan().ContainsAny(s_special) && HasOnlyNames(path);

    private static bool HasOnlyNames(string path)
    {
        for (var start = path.StartsWith('/') ? 1 : 0; start <= path.Length;)
        {
            var end = path.IndexOf('/', start);
            end = end < 0 ? path.Length : end;
            if (path.AsSpan(start, end - start) is "" or "." or "..")
                return false;
            start = end + 1;
        }

        return true;
    }
}
