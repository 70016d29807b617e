using OverlayTools.Ext;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Ext;

/// <summary>Small images with something of everything, of several makers, and where their structures are.</summary>
/// <param name="Name">Who made it, and how.</param>
/// <param name="Bytes">The image.</param>
internal sealed record HostileImages(string Name, byte[] Bytes)
{
    private const int MiB = 1 << 20;

    private readonly Lazy<IReadOnlyList<(int Start, int Length)>> _places = new(() => FindPlaces(Bytes));

    public static IReadOnlyList<HostileImages> Make(TemporaryDirectory directory, Random random)
    {
        var dirty = Ours(directory);
        DirtyImages.ByDebugfs(dirty, directory, random);
        var tree = HostTree(directory);
        List<HostileImages> images =
        [
            Of("ours", Ours(directory)),
            Of("ours, dirty", dirty),
            Of("mke2fs, 1 KiB", Ext3Image.MadeByMke2fs(directory, 2 * MiB, "-d", tree, "-N", "200")),
            Of("mke2fs, 4 KiB, no journal", Ext3Image.MadeByMke2fs(directory, 2 * MiB, "-b", "4096", "-O", "^has_journal", "-d", tree, "-N", "200")),
            Of("mke2fs, ext4", Ext3Image.MadeByMke2fs(directory, 2 * MiB, "-t", "ext4", "-O", "^has_journal", "-d", tree, "-N", "200")),
        ];
        if (!Machine.IsRoot)
            return images;
        var indexed = Ext3Image.MadeByMke2fs(directory, 4 * MiB, "-N", "600");
        indexed.Mounted("rw,acl,user_xattr", point => FillByTheKernel(point, tree));
        images.Add(Of("the kernel, 1 KiB", indexed));
        var plugPulled = Ext3Image.MadeByMke2fs(directory, 8 * MiB, "-b", "4096", "-N", "300");
        DirtyImages.ByTheKernel(plugPulled, 2, random);
        images.Add(Of("the kernel, 4 KiB, dirty", plugPulled));
        return images;
    }

    /// <summary>An image of ours that is the same each time.</summary>
    public static Ext3Image Ours(TemporaryDirectory directory) => Ext3Image.Made(directory, 2 * MiB, Tree(), new ExtFormatOptions
    {
        Uuid = new Guid("0b1c2d3e-4f50-6172-8394-a5b6c7d8e9fa"),
        HashSeed = new Guid("1b1c2d3e-4f50-6172-8394-a5b6c7d8e9fa"),
        Now = DateTimeOffset.FromUnixTimeSeconds(1_000_000_000),
    });

    /// <summary>Changes a few fields, most of them in structures.</summary>
    public void Mutate(HostileWindow window, Random random)
    {
        var places = _places.Value;
        for (var i = 0; i <= random.Next(6); i++)
        {
            var (start, length) = places[random.Next(places.Count)];
            var at = start + random.Next(length);
            switch (random.Next(12))
            {
                case 0:
                    // One structure where another should be.
                    var (other, most) = places[random.Next(places.Count)];
                    var count = Math.Min(Math.Min(most, length), Bytes.Length - Math.Max(start, other));
                    window.Tamper(start, Bytes[other..(other + count)]);
                    break;
                case < 6:
                    window.Tamper(at, [(byte)Value(random)]);
                    break;
                default:
                    window.Tamper(at & ~3, BitConverter.GetBytes(Value(random)));
                    break;
            }
        }
    }

    private uint Value(Random random) => random.Next(6) switch
    {
        0 => 0u,
        1 => uint.MaxValue,
        2 => (uint)random.Next(Bytes.Length / 1024 + 10),
        3 => (uint)random.Next(),
        // A block that has a meaning.
        4 => (uint)(_places.Value[random.Next(_places.Value.Count)].Start / (Bytes.Length < 3 * MiB ? 1024 : 4096)),
        _ => 1u << random.Next(32),
    };

    private static HostileImages Of(string name, Ext3Image image) => new(name, File.ReadAllBytes(image.Path));

    private static ExtNode Tree()
    {
        var root = ExtNode.Directory(0x1ED, 0, 0);
        var upper = root.Add("upper", ExtNode.Directory(0x1ED, 0, 0));
        root.Add("work", ExtNode.Directory(0x1ED, 0, 0));
        upper.Add("a", ExtNode.File(ExtContent.FromBytes(SampleTree.Bytes(1, 300_000)), 0x1A4, 0, 0));
        upper.Add("b", ExtNode.File(ExtContent.FromBytes(SampleTree.Bytes(2, 3000)), 0x1A4, 0, 0));
        upper.Add("short", ExtNode.SymbolicLink("b", 0, 0));
        upper.Add("long", ExtNode.SymbolicLink(new string('l', 200), 0, 0));
        upper.Add("null", ExtNode.Special(ExtFileType.CharacterDevice, 0x1B6, 0, 0, 1, 3));
        upper.Add("pipe", ExtNode.Special(ExtFileType.Fifo, 0x180, 0, 0));
        upper.Add("noted", ExtNode.File(ExtContent.FromBytes([1]), 0x1A4, 0, 0, null, new Dictionary<string, byte[]>
        {
            ["user.note"] = SampleTree.Bytes(3, 200),
            ["trusted.overlay.opaque"] = "y"u8.ToArray(),
        }));
        var many = upper.Add("many", ExtNode.Directory(0x1ED, 0, 0));
        for (var i = 0; i < 60; i++)
            many.Add($"a name of some length, number {i}", ExtNode.File(ExtContent.Empty, 0x1A4, 0, 0));
        upper.Add("deep", ExtNode.Directory(0x1ED, 0, 0)).Add("deeper", ExtNode.Directory(0x1ED, 0, 0));
        return root;
    }

    private static string HostTree(TemporaryDirectory directory)
    {
        var root = directory["hostile"];
        Directory.CreateDirectory(root + "/upper/deep/deeper");
        Directory.CreateDirectory(root + "/upper/many");
        Directory.CreateDirectory(root + "/work");
        for (var i = 0; i < 60; i++)
            File.WriteAllBytes($"{root}/upper/many/a name of some length, number {i}", []);
        File.WriteAllBytes(root + "/upper/a", SampleTree.Bytes(1, 300_000));
        File.WriteAllBytes(root + "/upper/b", SampleTree.Bytes(2, 3000));
        File.CreateSymbolicLink(root + "/upper/short", "b");
        File.CreateSymbolicLink(root + "/upper/long", new string('l', 200));
        if (Machine.FindTool("setfattr") is not null)
            Ext3Image.Run("setfattr", "-n", "user.note", "-v", new string('v', 150), root + "/upper/b");
        return root;
    }

    private static void FillByTheKernel(string point, string tree)
    {
        Ext3Image.Run("cp", "-a", tree + "/.", point);
        using (var sparse = File.Create(point + "/upper/sparse"))
        {
            sparse.Position = 70 * MiB;
            sparse.WriteByte(1);
        }

        var many = Directory.CreateDirectory(point + "/upper/indexed").FullName;
        for (var i = 0; i < 250; i++)
            File.WriteAllBytes($"{many}/a name of quite some length, which fills blocks, number {i}", []);
        Ext3Image.Run("sh", "-c", $"rm '{many}/'*7");
        if (Machine.FindTool("setfacl") is not null)
            Ext3Image.Run("setfacl", "-m", "u:1234:rw,g:4321:r", point + "/upper/b", point + "/upper/a");
    }

    // What files hold says nothing to those who read structures.
    private static List<(int Start, int Length)> FindPlaces(byte[] image)
    {
        var fileSystem = ExtFileSystem.OpenForReading(new HostileWindow(image));
        var geometry = fileSystem.Geometry;
        var size = geometry.BlockSize;
        List<(int, int)> places = [(1024, 0x110), (1024, 0x110), ((int)geometry.FirstDataBlock * size + size, 64)];
        Span<byte> buffer = stackalloc byte[64];
        var descriptor = fileSystem.ReadGroup(0, buffer);
        AddBlock(descriptor.BlockBitmap);
        AddBlock(descriptor.InodeBitmap);
        for (var number = 1u; number <= geometry.InodesCount; number++)
        {
            var inode = fileSystem.ReadInode(number);
            if (inode.Mode == 0)
                continue;
            places.Add(((int)fileSystem.OffsetOfInode(number), Math.Min(geometry.InodeSize, 0xA0)));
            AddBlock(inode.AttributeBlock);
            if (number == ExtInode.Journal)
                AddJournal(inode.Pointer(0));
            else if (inode.FileType is ExtFileType.Directory or ExtFileType.RegularFile)
                AddBlocks(inode);
        }

        return places;

        void AddBlocks(ExtInode inode)
        {
            if ((inode.Flags & ExtInode.ExtentsFlag) != 0)
                AddBlock(inode.Pointer(5)); // the first leaf's only block
            else
                for (var slot = inode.FileType == ExtFileType.Directory ? 0 : ExtInode.DirectCount; slot < ExtInode.PointerCount; slot++)
                    AddBlock(inode.Pointer(slot));
        }

        void AddBlock(uint block)
        {
            if (block != 0 && (long)block * size + size <= image.Length)
                places.Add(((int)block * size, size));
        }

        void AddJournal(uint first)
        {
            if (first == 0 || first * (long)size > image.Length - 12 * size)
                return;
            places.Add(((int)first * size, 0x50));
            places.AddRange(Enumerable.Range(1, 10).Select(block => (((int)first + block) * size, 64)));
        }
    }
}
