using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Ext;

/// <summary>Images with something of everything, made by others.</summary>
internal static class RichImages
{
    private const long MiB = 1 << 20;
    private const int ManyNames = 5000;

    /// <summary>A tree in the host's file system: indexed directories, attributes, lists, sparse and large files,
    /// devices.</summary>
    public static string Tree(TemporaryDirectory directory, int names = ManyNames)
    {
        var root = directory[Guid.NewGuid().ToString("N")];
        var many = Directory.CreateDirectory(root + "/upper/many").FullName;
        for (var i = 0; i < names; i++)
            File.WriteAllBytes($"{many}/a rather long name, number {i}, with \u00e4\u00f6\u00fc", i % 97 == 0 ? SampleTree.Bytes(i, 3000) : []);
        for (var i = 0; i < 5; i++)
            Directory.CreateDirectory($"{root}/upper/deep/{i}/{i}/{i}");
        Directory.CreateDirectory(root + "/work");
        File.WriteAllBytes(root + "/upper/large", SampleTree.Bytes(1, 5_000_001));
        using (var sparse = File.Create(root + "/upper/sparse"))
        {
            sparse.Position = 900 * MiB;
            sparse.WriteByte(1);
        }

        File.CreateSymbolicLink(root + "/upper/short", "target");
        File.CreateSymbolicLink(root + "/upper/long", new string('l', 200));
        Ext3Image.Run("ln", root + "/upper/large", root + "/upper/again");
        if (Machine.IsRoot)
        {
            Ext3Image.Run("mknod", root + "/upper/null", "c", "1", "3");
            Ext3Image.Run("mknod", root + "/upper/disk", "b", "259", "300");
            Ext3Image.Run("mkfifo", root + "/upper/pipe");
        }

        if (Machine.FindTool("setfattr") is not null)
            Ext3Image.Run("setfattr", "-n", "user.note", "-v", new string('v', 300), root + "/upper/large");
        if (Machine.FindTool("setfacl") is not null)
            Ext3Image.Run("setfacl", "-m", "u:1234:rw,g:4321:r", root + "/upper/large", root + "/upper/deep");
        return root;
    }

    public static Ext3Image ByMke2fs(TemporaryDirectory directory, long size, params string[] options) =>
        Ext3Image.MadeByMke2fs(directory, size, ["-d", Tree(directory), .. options]);

    /// <summary>Filled, emptied and filled again through the kernel, which indexes large directories.</summary>
    public static Ext3Image ByTheKernel(TemporaryDirectory directory, long size, params string[] options)
    {
        var tree = Tree(directory);
        var image = Ext3Image.MadeByMke2fs(directory, size, options);
        image.Mounted("rw,acl,user_xattr", point =>
        {
            Ext3Image.Run("cp", "-a", "--sparse=always", tree + "/.", point);
            Ext3Image.Run("sh", "-c", $"rm -f '{point}'/upper/many/*1*, ; rm -rf '{point}'/upper/many/*number\\ 2*");
            Ext3Image.Run("cp", "-a", tree + "/upper/deep", point + "/work");
        });
        return image;
    }
}
