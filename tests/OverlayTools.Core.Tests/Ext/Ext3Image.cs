using System.Diagnostics;
using System.Globalization;
using Microsoft.Win32.SafeHandles;
using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Ext;

/// <summary>An image file in a scratch directory, and what e2fsprogs and the kernel say about it.</summary>
internal sealed class Ext3Image(string path)
{
    public string Path { get; } = path;

    public static Ext3Image Made(TemporaryDirectory directory, long size, ExtNode root, ExtFormatOptions? options = null)
    {
        var image = new Ext3Image(directory[Guid.NewGuid().ToString("N") + ".img"]);
        using var file = File.OpenHandle(image.Path, FileMode.CreateNew, FileAccess.ReadWrite);
        var window = new FileWindow(file);
        window.SetLength(size);
        ExtFormatter.Format(window, options ?? new ExtFormatOptions(), root, null, TestContext.Current.CancellationToken);
        return image;
    }

    public static Ext3Image MadeByMke2fs(TemporaryDirectory directory, long size, params string[] options)
    {
        Machine.NeedTool("mke2fs");
        var image = new Ext3Image(directory[Guid.NewGuid().ToString("N") + ".img"]);
        using (var file = File.OpenHandle(image.Path, FileMode.CreateNew, FileAccess.ReadWrite))
            new FileWindow(file).SetLength(size);
        var (exit, output, error) = Machine.RunWith("mke2fs", ["-q", .. options.Contains("-t") ? [] : (string[])["-t", "ext3"], "-F", .. options, image.Path],
            null, null, ("MKE2FS_DEVICE_SECTSIZE", "512"));
        Assert.True(exit == 0, output + error);
        return image;
    }

    public SafeFileHandle Open() => File.OpenHandle(Path, FileMode.Open, FileAccess.ReadWrite);

    public T Read<T>(Func<ExtFileSystem, T> read)
    {
        using var file = Open();
        return read(ExtFileSystem.Open(new FileWindow(file)));
    }

    public ExtGrowth Grow(long size)
    {
        using var file = Open();
        return ExtResizer.Grow(new FileWindow(file), size, null, TestContext.Current.CancellationToken);
    }

    /// <summary>Grows the image, and says what was written for it.</summary>
    public RecordingWindow Record(long size)
    {
        using var file = Open();
        var window = new RecordingWindow(new FileWindow(file));
        ExtResizer.Grow(window, size, null, TestContext.Current.CancellationToken);
        return window;
    }

    /// <summary>Shrinks the file system, and then cuts the file.</summary>
    public ExtGrowth Shrink(long size)
    {
        using var file = Open();
        var window = new FileWindow(file);
        var change = ExtShrinker.Shrink(window, size, null, TestContext.Current.CancellationToken);
        window.SetLength(size);
        return change;
    }

    /// <summary>Shrinks the image, and says what was written for it.</summary>
    public RecordingWindow RecordShrink(long size)
    {
        using var file = Open();
        var window = new RecordingWindow(new FileWindow(file));
        ExtShrinker.Shrink(window, size, null, TestContext.Current.CancellationToken);
        window.SetLength(size);
        return window;
    }

    public long MinimumSize()
    {
        using var file = Open();
        return ExtShrinker.MinimumSize(new FileWindow(file), TestContext.Current.CancellationToken);
    }

    public void AssertClean()
    {
        Machine.NeedTool("e2fsck");
        var (exit, output, error) = Machine.Run("e2fsck", "-f", "-n", Path);
        Assert.True(exit == 0 && !output.Contains("Fix?", StringComparison.Ordinal), output + error);
    }

    /// <summary>Standard output of <c>dumpe2fs</c>.</summary>
    public string Dump(params string[] options)
    {
        Machine.NeedTool("dumpe2fs");
        var (exit, output, error) = Machine.Run("dumpe2fs", [.. options, Path]);
        Assert.True(exit == 0, error);
        return output;
    }

    public string Debug(string command)
    {
        Machine.NeedTool("debugfs");
        var (exit, output, error) = Machine.Run("debugfs", "-R", command, Path);
        Assert.True(exit == 0, error);
        return output;
    }

    public long Field(string name)
    {
        var line = Dump("-h").Split('\n').Single(l => l.StartsWith(name + ":", StringComparison.Ordinal));
        return long.Parse(line[(name.Length + 1)..].Trim(), CultureInfo.InvariantCulture);
    }

    /// <summary>Does something with the image mounted by the kernel.</summary>
    public void Mounted(string options, Action<string> inside)
    {
        Machine.NeedRoot();
        InPrivateNamespace("""
            # A free loop device may be somebody else's a moment later: then the next one is asked for.
            for _ in 1 2 3 4 5 6 7 8 9; do mount -o "loop,$2" "$0" "$1" && break; sleep 0.1; done
            mountpoint -q "$1" && echo ready && read -r _
            # Whoever looks through /proc at that moment keeps the mount busy for an instant.
            for _ in 1 2 3 4 5 6 7 8 9; do umount -q "$1" && exit 0; sleep 0.1; done
            umount "$1"
            """, options, inside);
    }

    /// <summary>Does something with the image mounted by fuse2fs, and waits for it to end.</summary>
    public void FuseMounted(string options, Action<string> inside)
    {
        Machine.NeedRoot();
        Machine.NeedTool("fuse2fs");
        InPrivateNamespace("""
            fuse2fs -f "$0" "$1" -o "$2" &
            until mountpoint -q "$1"; do kill -0 $! || exit 1; sleep 0.02; done
            echo ready && read -r _
            umount "$1" && wait $!
            """, options, inside);
    }

    // Only a mount in a namespace of its own ends with umount: whoever makes a namespace meanwhile takes a copy of all
    // mounts of the common one, and keeps them alive.
    private void InPrivateNamespace(string script, string options, Action<string> inside)
    {
        using var point = new TemporaryDirectory();
        var start = new ProcessStartInfo("unshare") { RedirectStandardInput = true, RedirectStandardOutput = true };
        foreach (var argument in (string[])["-m", "--propagation", "private", "sh", "-c", script, Path, point.Path, options])
            start.ArgumentList.Add(argument);
        using var holder = Process.Start(start)!;
        try
        {
            Assert.Equal("ready", holder.StandardOutput.ReadLine());
            inside($"/proc/{holder.Id}/root{point.Path}");
        }
        finally
        {
            holder.StandardInput.Close();
            holder.WaitForExit();
        }

        Assert.Equal(0, holder.ExitCode);
    }

    public static string Run(string program, params string[] arguments)
    {
        var (exit, output, error) = Machine.Run(program, arguments);
        Assert.True(exit == 0, $"{program} {string.Join(' ', arguments)}: {output}{error}");
        return output;
    }
}
