using System.Security.Cryptography;
using System.Text;
using OverlayTools.Ext;

namespace OverlayTools.Core.Tests.Ext;

/// <summary>A tree with one of everything, and the means to find it again.</summary>
internal static class SampleTree
{
    public const uint BigId = 3_000_000_000;

    public static readonly ExtTime Stamp = new(1_000_000_000, 123_456_789);

    public static byte[] Bytes(int seed, int length)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    public static ExtNode Everything()
    {
        var root = ExtNode.Directory(0x1ED, 0, 0);
        var upper = root.Add("upper", ExtNode.Directory(0x1C0, BigId, 1000, Stamp));
        root.Add("work", ExtNode.Directory(0x1FF, 1000, BigId));
        upper.Add("empty", ExtNode.File(ExtContent.Empty, 0x124, 0, 0));
        upper.Add("small", ExtNode.File(ExtContent.FromBytes(Bytes(1, 777)), 0x9ED, 1, 2, Stamp));
        // Reaches into the double indirect blocks of both block sizes.
        var large = upper.Add("large", ExtNode.File(ExtContent.FromBytes(Bytes(2, 5_000_001)), 0x1A4, 65536, 70000));
        upper.Add("also-large", large);
        foreach (var length in LinkLengths)
            upper.Add($"link{length}", ExtNode.SymbolicLink(new string('x', length), 5, 6));
        upper.Add("null", ExtNode.Special(ExtFileType.CharacterDevice, 0x1B6, 0, 0, 1, 3));
        upper.Add("whiteout", ExtNode.Special(ExtFileType.CharacterDevice, 0, 0, 0));
        upper.Add("disk", ExtNode.Special(ExtFileType.BlockDevice, 0x1B0, 0, 6, 259, 300_000));
        upper.Add("pipe", ExtNode.Special(ExtFileType.Fifo, 0x180, 0, 0));
        upper.Add("socket", ExtNode.Special(ExtFileType.Socket, 0x1FF, 0, 0));
        upper.Add(new ExtName([0xFF, 0xFE, (byte)'x']), ExtNode.Directory(0x3ED, 0, 0));
        upper.Add(new string('n', 255), ExtNode.File(ExtContent.FromBytes(Bytes(3, 1024)), 0x1A4, 0, 0));
        upper.Add("attributes", ExtNode.File(ExtContent.FromBytes([1]), 0x1A4, 0, 0, null, new Dictionary<string, byte[]>
        {
            ["user.overlay.opaque"] = "y"u8.ToArray(),
            ["trusted.overlay.opaque"] = "y"u8.ToArray(),
            ["user.empty"] = [],
            ["user.long"] = Bytes(4, 301),
        }));
        return root;
    }

    public static int[] LinkLengths => [1, 58, 59, 60, 61, 1000];

    /// <summary>What is below a directory, one line a file, with a digest of each content.</summary>
    public static string Describe(string path)
    {
        var lines = new StringBuilder();
        foreach (var line in Ext3Image.Run("find", path, "-mindepth", "1", "-path", path + "/lost+found", "-prune", "-o",
            // A directory's size depends on the block size, so it is left out.
            "-type", "d", "-printf", "%P d %m %U %G %n\\n", "-o", "-printf", "%P %y %m %U %G %s %n %l\\n").Split('\n').Order(StringComparer.Ordinal))
            lines.AppendLine(line);
        foreach (var file in Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            if ((File.GetAttributes(file) & (FileAttributes.ReparsePoint | FileAttributes.Device)) == 0
                && new FileInfo(file).Length is > 0 and < 100_000_000)
                lines.AppendLine($"{file[path.Length..]} {Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(file)))}");
        }

        return lines.ToString();
    }
}
