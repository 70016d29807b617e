using System.Text;
using Microsoft.Win32.SafeHandles;
using OverlayTools.Native;

namespace OverlayTools.Init;

/// <summary>Paths in the container's tree, which are followed as if the tree were everything: no link and no <c>..</c>
/// leads out.</summary>
internal static class TreePath
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
                // What does not exist may be above something that does.
                exists = exists || Has(root, "/" + string.Join('/', resolved));
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

    /// <summary>Makes an empty file or directory, and the directories above it, in a tree.</summary>
    /// <param name="root">The tree.</param>
    /// <param name="path">A path without links, as <see cref="Resolve"/> gives it.</param>
    /// <param name="isDirectory">What the last component becomes.</param>
    /// <param name="directoryMode">Permissions of directories.</param>
    /// <param name="fileMode">Permissions of the file.</param>
    /// <returns>What was made, in order.</returns>
    /// <exception cref="LinuxException">With the error number of the call that failed.</exception>
    public static List<(string Parent, string Name, bool IsDirectory)> Make(
        SafeFileHandle root, string path, bool isDirectory, uint directoryMode, uint fileMode)
    {
        var made = new List<(string, string, bool)>();
        var components = Components(path).ToList();
        for (var i = 0; i < components.Count; i++)
        {
            var name = Encoding.UTF8.GetBytes(components[i]);
            var parentPath = "/" + string.Join('/', components.Take(i));
            using var parent = Openat2.TryInRoot(root, parentPath, Open.PathOnly | Open.Directory, out var errno)
                ?? throw new LinuxException("openat2", errno, parentPath);
            var directory = isDirectory || i < components.Count - 1;
            try
            {
                if (directory)
                    Mkdirat.Make(parent, name, directoryMode, path);
                else
                    Mknodat.Make(parent, name, Statx.RegularFile | fileMode, 0, 0, path);
                made.Add((parentPath, components[i], directory));
            }
            catch (LinuxException error) when (error.ErrorNumber == Errno.EEXIST)
            {
                // The rest of the path is what is missing.
            }
        }

        return made;
    }

    /// <summary>The device on which the deepest directory that exists of a path lies.</summary>
    public static ulong? DeviceAbove(SafeFileHandle root, string path)
    {
        for (var parent = path; parent.Length > 0;)
        {
            parent = parent[..Math.Max(parent.LastIndexOf('/'), 0)];
            using var handle = Openat2.TryInRoot(root, parent.Length == 0 ? "/" : parent, Open.PathOnly | Open.Directory, out _);
            if (handle is not null)
                return Statx.Of(handle, parent).Device;
        }

        return null;
    }

    /// <summary>The path by which the kernel knows an open file.</summary>
    public static string? OfHandle(SafeFileHandle handle) =>
        File.ResolveLinkTarget(InProc(handle), returnFinalTarget: false)?.FullName;

    /// <summary>A path that leads to an open file, for calls that take only paths.</summary>
    public static string InProc(SafeFileHandle handle) => $"/proc/self/fd/{handle.DangerousGetHandle()}";

    /// <summary>Whether there is something at a path, be it a link that leads nowhere.</summary>
    public static bool Has(SafeFileHandle root, string path)
    {
        using var handle = Openat2.TryInRoot(root, path, Open.PathOnly | Open.NoFollow, out _);
        return handle is not null;
    }

    private static IEnumerable<string> Components(string path) =>
        path.Split('/', StringSplitOptions.RemoveEmptyEntries).Where(component => component != ".");
}
