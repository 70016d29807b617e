using OverlayTools.Benchmarks.Scenarios;
using OverlayTools.Native;

namespace OverlayTools.Benchmarks;

/// <summary>A scratch folder with a session in it, and the small container that the scenarios use.</summary>
internal sealed class Workplace : IDisposable
{
    private readonly Lazy<string> _image;
    private readonly Lazy<string> _tree;

    public Workplace(Options options)
    {
        Options = options;
        Folder = Path.Combine(options.Scratch, $"overlaytools-benchmarks.{Guid.NewGuid():N}");
        Directory.CreateDirectory(Folder);
        Session = new Session(Folder);
        _image = new Lazy<string>(MakeImage);
        _tree = new Lazy<string>(() => SampleTree.Make(Path.Combine(Folder, "tree")));
    }

    public Options Options { get; }

    public string Folder { get; }

    public Session Session { get; }

    /// <summary>A squashfs SIF image with busybox.</summary>
    public string Image => _image.Value;

    /// <summary>A directory with many small files and a large one.</summary>
    public string Tree => _tree.Value;

    /// <summary>A directory <c>template</c> for mke2fs, which makes of it what we make: <c>upper</c> and
    /// <c>work</c>.</summary>
    public void MakeTemplate()
    {
        Directory.CreateDirectory(Path.Combine(Folder, "template/upper"));
        Directory.CreateDirectory(Path.Combine(Folder, "template/work"));
    }

    /// <summary>Removes files, if they are there.</summary>
    public void Remove(params string[] names)
    {
        foreach (var name in names)
            File.Delete(Path.Combine(Folder, name));
        // What the removal leaves for the journal is nobody's to pay for.
        Fsync.DirectoryOf(Path.Combine(Folder, names[0]));
    }

    /// <summary>Removes directories, if they are there.</summary>
    public void RemoveDirectory(params string[] names)
    {
        foreach (var name in names.Where(name => Directory.Exists(Path.Combine(Folder, name))))
            Directory.Delete(Path.Combine(Folder, name), recursive: true);
    }

    public void Dispose()
    {
        Session.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    private string MakeImage()
    {
        var busybox = Peer.Find("busybox") ?? throw new FileNotFoundException("Install with: apt-get install busybox-static");
        var root = Path.Combine(Folder, "root");
        foreach (var name in new[] { "bin", "dev", "etc", "home", "proc", "root", "sys", "tmp", "usr", "var/tmp" })
            Directory.CreateDirectory(Path.Combine(root, name));
        File.Copy(busybox, Path.Combine(root, "bin/busybox"));
        foreach (var name in new[] { "sh", "true", "tar", "mkdir", "rm" })
            File.CreateSymbolicLink(Path.Combine(root, "bin", name), "busybox");
        File.WriteAllText(Path.Combine(root, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
        File.WriteAllText(Path.Combine(root, "etc/group"), "root:x:0:\n");
        Session.Run($"New-SifImage busybox.sif root -FileSystem Squashfs");
        return Path.Combine(Folder, "busybox.sif");
    }
}
