using OverlayTools.TestSupport;

namespace OverlayTools.Tests.Containers;

/// <summary>A small root file system around busybox: as a directory, packed as squashfs, and in a SIF image.</summary>
internal static class ContainerImages
{
    private static readonly Lazy<TemporaryDirectory> s_folder = new(Make);

    /// <summary>The squashfs image; nobody writes to it.</summary>
    public static string Squashfs => s_folder.Value["root.sqfs"];

    /// <summary>A copy of the SIF image, for the test to do with as it likes.</summary>
    public static void CopySif(string target) => File.Copy(s_folder.Value["image.sif"], target);

    /// <summary>Makes the root file system as a directory.</summary>
    /// <remarks><c>/data</c> holds a file <c>a</c> with the text <c>original</c>, and a directory <c>sub</c> with a file
    /// <c>b</c>.</remarks>
    public static void MakeDirectory(string root)
    {
        Machine.NeedTool("busybox");
        foreach (var directory in new[] { "bin", "etc", "tmp", "proc", "sys", "dev", "home", "root", "var/tmp", "data/sub" })
            Directory.CreateDirectory(Path.Combine(root, directory));
        var busybox = Machine.FindTool("busybox")!;
        CopyProgram(busybox, root);
        foreach (var applet in Machine.Run(busybox, "--list").Output.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (applet != "busybox")
                File.CreateSymbolicLink(Path.Combine(root, "bin", applet), "busybox");
        }

        File.WriteAllText(Path.Combine(root, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
        File.WriteAllText(Path.Combine(root, "etc/group"), "root:x:0:\n");
        File.WriteAllText(Path.Combine(root, "data/a"), "original\n");
        File.WriteAllText(Path.Combine(root, "data/sub/b"), "below\n");
    }

    private static TemporaryDirectory Make()
    {
        Machine.NeedTool("mksquashfs");
        Machine.NeedTool("siftool");
        var folder = new TemporaryDirectory().OpenToAll();
        AppDomain.CurrentDomain.ProcessExit += (_, _) => folder.Dispose();
        MakeDirectory(folder["root"]);
        Do("mksquashfs", folder["root"], folder["root.sqfs"], "-quiet", "-no-progress", "-all-root", "-comp", "gzip");
        Do("siftool", "new", folder["image.sif"]);
        // A squashfs file system that is the primary system partition, for this processor (see `siftool add --help`).
        var architecture = ((int)Sif.SifArchitectures.Host).ToString(System.Globalization.CultureInfo.InvariantCulture);
        Do("siftool", "add", "--datatype", "4", "--parttype", "2", "--partfs", "1", "--partarch", architecture,
            "--groupid", "1", folder["image.sif"], folder["root.sqfs"]);
        return folder;
    }

    // A statically linked busybox has no libraries, and ldd says so.
    private static void CopyProgram(string program, string root)
    {
        File.Copy(program, Path.Combine(root, "bin/busybox"));
        var libraries = Machine.Run("ldd", program).Output.Split((char[]?)null).Where(word => word.StartsWith('/'));
        foreach (var library in libraries)
        {
            var copy = root + library;
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(library, copy);
        }
    }

    private static void Do(string program, params string[] arguments)
    {
        var (exitCode, output, error) = Machine.Run(program, arguments);
        Assert.True(exitCode == 0, output + error);
    }
}
