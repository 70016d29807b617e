using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.Tar;

namespace OverlayTools.Containers;

/// <summary>Packs a root file system with mksquashfs.</summary>
/// <param name="program">mksquashfs.</param>
/// <param name="build">What is packed.</param>
/// <param name="target">An existing, empty file.</param>
/// <param name="progress">Told of the bytes packed so far.</param>
/// <param name="token">Ends the program.</param>
internal sealed class SquashfsPacker(
    string program, SifBuild build, string target, IProgress<EngineProgress>? progress, CancellationToken token)
{
    private const string Activity = "Packing root file system";

    private static readonly string[] s_quiet = ["-noappend", "-no-progress", "-quiet"];

    /// <summary>Packs the source, a directory.</summary>
    /// <param name="scratch">An empty directory for files that go into the image.</param>
    /// <returns>What mksquashfs complained about, for example files that it could not read.</returns>
    /// <exception cref="EngineException"><see cref="ErrorIds.HelperFailed"/> with what it printed.</exception>
    public IReadOnlyList<string> PackDirectory(string scratch) =>
        Run([build.Source!, target, .. s_quiet, .. FixedTime(), .. DirectoryArguments(scratch)], null);

    /// <summary>Packs a tree, which mksquashfs reads as a tar archive.</summary>
    /// <returns>What mksquashfs complained about.</returns>
    /// <exception cref="EngineException"><see cref="ErrorIds.HelperFailed"/> with what it printed.</exception>
    public IReadOnlyList<string> PackTree(ExtNode root)
    {
        var complaints = Run(["-", target, "-tar", .. s_quiet],
            input => new TarTreeWriter(input, token, SquashfsRoot.Name).Write(root), build.Deterministic ? LatestTime(root) : null);
        using var file = File.OpenHandle(target, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        SquashfsRoot.Lift(new FileWindow(file));
        return complaints;
    }

    private IReadOnlyList<string> Run(IEnumerable<string> arguments, Action<Stream>? feed, long? latestTime = null)
    {
        var process = new PackingProcess(program, target, Activity, build.Source, progress, token)
        {
            // It wants to be told a time in one way only. For an archive it takes no time for the root; but it moves back
            // to this one whatever is later, the root's, which is the present, among it.
            LatestTime = latestTime,
        };
        return [.. process.Run(arguments, feed).Where(line => !IsAboutExistingDirectory(line))];
    }

    private string[] FixedTime() => build.Deterministic ? ["-mkfs-time", "0"] : [];

    private static long LatestTime(ExtNode root)
    {
        var latest = Math.Max(0, root.Modified?.Seconds ?? 0);
        var pending = new Stack<ExtNode>([root]);
        while (pending.TryPop(out var directory))
        {
            foreach (var (_, child) in directory.Children)
            {
                latest = Math.Max(latest, child.Modified?.Seconds ?? 0);
                if (child.Type == ExtFileType.Directory)
                    pending.Push(child);
            }
        }

        // The file system has 32 bits.
        return Math.Min(latest, uint.MaxValue);
    }

    private List<string> DirectoryArguments(string scratch)
    {
        List<string> arguments = [];
        if (build.RootOwned)
            arguments.Add("-all-root");
        var files = ImageMetadata.Files(build,
            name => File.Exists(Path.Combine(build.Source!, ImageMetadata.Directory, name)));
        if (files.Count == 0)
            return arguments;

        var pseudo = Path.Combine(scratch, "pseudo");
        var directories = files.Select(file => Path.GetDirectoryName(file.Name)).Where(name => !string.IsNullOrEmpty(name))
            .Distinct().Select(name => DirectoryLine($"{ImageMetadata.Directory}/{name}"));
        File.WriteAllLines(pseudo,
            [DirectoryLine(ImageMetadata.Directory), .. directories, .. files.Select(file => FileLine(file, scratch))]);
        arguments.AddRange(["-pf", pseudo]);
        // What the source has under these names gives way; the option takes all words that follow, so it comes last.
        arguments.Add("-e");
        arguments.AddRange(files.Select(file => $"{ImageMetadata.Directory}/{file.Name}"));
        return arguments;
    }

    // With capital letters, a line has a time.
    private string DirectoryLine(string name) => build.Deterministic ? $"/{name} D 0 755 0 0" : $"/{name} d 755 0 0";

    // mksquashfs takes a pseudo file's content from a shell command.
    private string FileLine((string Name, uint Permissions, byte[] Bytes) file, string scratch)
    {
        var path = Path.Combine(scratch, file.Name.Replace('/', '-'));
        File.WriteAllBytes(path, file.Bytes);
        var quoted = path.Replace("'", "'\\''", StringComparison.Ordinal);
        return $"/{ImageMetadata.Directory}/{file.Name} {(build.Deterministic ? "F 0" : "f")} "
            + $"{Convert.ToString(file.Permissions, 8)} 0 0 cat '{quoted}'";
    }

    private static bool IsAboutExistingDirectory(string line) =>
        line.StartsWith($"Pseudo file \"{ImageMetadata.Directory}", StringComparison.Ordinal)
            && line.Contains("exists", StringComparison.Ordinal)
        || line.StartsWith("Ignoring, exclude it", StringComparison.Ordinal);
}
