using Microsoft.Win32.SafeHandles;
using OverlayTools.Native;

namespace OverlayTools.Init;

/// <summary>
/// Finds which bind destinations the root file system lacks, and makes them in a layer below it: directories that both
/// have are merged, with the root file system's owner and mode.
/// </summary>
internal static class BindPoints
{
    private const int MostLinks = 40;

    /// <summary>Where a path really leads inside the tree, and whether it exists. Links are followed inside the tree,
    /// also a last one that dangles.</summary>
    /// <returns>The path without links, absolute; null when the links go in circles or through a file.</returns>
    public static (string Path, bool Exists)? Resolve(SafeFileHandle root, string path)
    {
        var pending = new Stack<string>(Components(path).Reverse());
        var resolved = new List<string>();
        var links = 0;
        var exists = true;
        while (pending.TryPop(out var name))
        {
            if (name == "..")
            {
                if (resolved.Count > 0)
                    resolved.RemoveAt(resolved.Count - 1);
                continue;
            }

            resolved.Add(name);
            if (!exists)
                continue;

            using var entry = Openat2.TryInRoot(root, "/" + string.Join('/', resolved), Open.PathOnly | Open.NoFollow, out var errno);
            if (entry is null)
            {
                if (errno != Errno.ENOENT)
                    return null;
                exists = false;
                continue;
            }

            if (Readlinkat.TargetOf(entry) is not { } target)
                continue;
            if (++links > MostLinks)
                return null;
            resolved.RemoveAt(resolved.Count - 1);
            if (target.StartsWith('/'))
                resolved.Clear();
            foreach (var component in Components(target).Reverse())
                pending.Push(component);
        }

        return ("/" + string.Join('/', resolved), exists);
    }

    /// <summary>Makes an empty file or directory at the path below the skeleton directory.</summary>
    public static void Create(string skeleton, string path, bool directory)
    {
        var full = skeleton + path;
        Directory.CreateDirectory(directory ? full : Path.GetDirectoryName(full)!);
        if (!directory && !File.Exists(full))
            File.WriteAllBytes(full, []);
    }

    private static IEnumerable<string> Components(string path) =>
        path.Split('/', StringSplitOptions.RemoveEmptyEntries).Where(component => component != ".");
}
