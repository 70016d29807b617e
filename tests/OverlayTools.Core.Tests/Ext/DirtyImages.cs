using System.Buffers.Binary;
using System.Runtime.InteropServices;
using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Ext;

/// <summary>Makes images whose journal has to be replayed.</summary>
internal static class DirtyImages
{
    private const ulong Shutdown = 0x8004587D; // EXT4_IOC_SHUTDOWN, _IOR('X', 125, __u32)
    private const int JournalMagic = unchecked((int)0xC03B3998);
    private const long MiB = 1 << 20;

    /// <summary>Writes through the kernel's mount, and pulls the plug.</summary>
    /// <param name="image">The image, clean before.</param>
    /// <param name="flags">1: the log is written out first, 2: what is not in the log yet is lost.</param>
    /// <param name="random">What is written.</param>
    public static void ByTheKernel(Ext3Image image, uint flags, Random random) => image.Mounted("rw", point =>
    {
        for (var i = 0; i < 40; i++)
        {
            var directory = Directory.CreateDirectory($"{point}/d{random.Next(6)}/e{random.Next(6)}").FullName;
            File.WriteAllBytes($"{directory}/f{i}", SampleTree.Bytes(i, random.Next(40_000)));
            if (random.Next(4) == 0)
                Sync(point);
            // Directory blocks that are freed and used again as data are revoked.
            if (random.Next(5) == 0 && Directory.GetDirectories(point, "d*") is [.., var last])
                Directory.Delete(last, recursive: true);
        }

        Sync(point);
        File.WriteAllBytes($"{point}/late", SampleTree.Bytes(99, 100_000));
        using var root = File.OpenHandle(point + "/late");
        Assert.Equal(0, Ioctl((int)root.DangerousGetHandle(), Shutdown, ref flags));
    });

    /// <summary>Stops the ext4 file system that a file lies on, as a power cut does: what is not in its log yet is
    /// lost.</summary>
    public static void PullThePlug(Microsoft.Win32.SafeHandles.SafeFileHandle file)
    {
        var flags = 2u;
        Assert.Equal(0, Ioctl((int)file.DangerousGetHandle(), Shutdown, ref flags));
    }

    /// <summary>Pulls the plug while seven files and directories without a name are in use.</summary>
    public static void WithOrphans(Ext3Image image) => image.Mounted("rw,user_xattr", point =>
    {
        var held = new List<IDisposable>();
        foreach (var size in (int[])[0, 100, 70_000, 5_000_000])
        {
            var path = $"{point}/gone{size}";
            File.WriteAllBytes(path, SampleTree.Bytes(size, size));
            Ext3Image.Run("setfattr", "-n", "user.note", "-v", new string('v', 300), path);
            held.Add(File.OpenHandle(path));
            File.Delete(path);
        }

        foreach (var name in (string[])["d1", "d2", "d3"])
        {
            var path = Directory.CreateDirectory($"{point}/{name}").FullName;
            var handle = OpenDirectory(path, 0x10000);
            Assert.True(handle >= 0);
            held.Add(new Microsoft.Win32.SafeHandles.SafeFileHandle(handle, ownsHandle: true));
            Directory.Delete(path);
        }

        Sync(point);
        using (var late = File.OpenHandle(point + "/late"))
        {
            var flags = 1u;
            Assert.Equal(0, Ioctl((int)late.DangerousGetHandle(), Shutdown, ref flags));
        }

        held.ForEach(handle => handle.Dispose());
    });

    /// <summary>Writes transactions into the log with debugfs: new content, revocations, and blocks that look like the
    /// journal's own.</summary>
    /// <returns>The block of free space that the last transaction has.</returns>
    public static void ByDebugfs(Ext3Image image, TemporaryDirectory directory, Random random)
    {
        var blockSize = (int)image.Field("Block size");
        var blocks = (int)image.Field("Block count");
        var commands = new List<string> { "jo" };
        for (var transaction = 0; transaction < 1 + random.Next(6); transaction++)
        {
            // The last blocks of the file system are free.
            var chosen = Enumerable.Range(blocks - 40, 40).OrderBy(_ => random.Next()).Take(1 + random.Next(12)).ToArray();
            if (transaction > 0 && random.Next(2) == 0)
            {
                commands.Add($"jw -r {string.Join(',', chosen)}");
                continue;
            }

            var content = SampleTree.Bytes(random.Next(), chosen.Length * blockSize);
            for (var i = 0; i < chosen.Length; i += 2)
                BinaryPrimitives.WriteInt32BigEndian(content.AsSpan(i * blockSize), JournalMagic);
            var file = directory[$"content{transaction}"];
            File.WriteAllBytes(file, content);
            commands.Add($"jw -b {string.Join(',', chosen)} {file}");
        }

        commands.Add("jc");
        var script = directory["script"];
        File.WriteAllLines(script, commands);
        var (exit, said, error) = Machine.Run("debugfs", "-w", "-f", script, image.Path);
        Assert.True(exit == 0 && !error.Contains("rror", StringComparison.Ordinal), said + error);
    }

    /// <summary>Turns the log around, so that it goes over the end of the journal.</summary>
    public static void Rotate(Ext3Image image, int by)
    {
        using var file = image.Open();
        var window = new FileWindow(file);
        var fileSystem = ExtFileSystem.Open(window);
        var log = JournalLog.Open(fileSystem);
        var size = fileSystem.Geometry.BlockSize;
        var content = new byte[log.Length][];
        for (var i = 0u; i < log.Length; i++)
            window.Read(log.OffsetOf(log.Superblock.First + i), content[i] = new byte[size]);
        for (var i = 0u; i < log.Length; i++)
            window.Write(log.OffsetOf(log.Wrap(log.Superblock.First + i + (long)by)), content[i]);
        log.Superblock.Start = log.Wrap(log.Superblock.Start + (long)by);
        window.Write(log.SuperblockOffset, log.Superblock.Raw);
    }

    public static Ext3Image Small(TemporaryDirectory directory) =>
        Ext3Image.Made(directory, 8 * MiB, SampleTree.Everything());

    private static void Sync(string path)
    {
        using var file = File.OpenHandle(path + "/late", FileMode.OpenOrCreate, FileAccess.ReadWrite);
        Assert.Equal(0, SyncFileSystem((int)file.DangerousGetHandle()));
    }

    [DllImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static extern int Ioctl(int descriptor, ulong request, ref uint flags);

    [DllImport("libc", EntryPoint = "open", SetLastError = true, CharSet = CharSet.Ansi)]
    private static extern int OpenDirectory(string path, int flags);

    [DllImport("libc", EntryPoint = "syncfs", SetLastError = true)]
    private static extern int SyncFileSystem(int descriptor);
}
