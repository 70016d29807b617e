using System.Security.Cryptography;
using OverlayTools.Sif;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests;

/// <summary>Images to work on, and what foreign tools say about those that the cmdlets made.</summary>
internal static class ImageFiles
{
    /// <summary>A SIF image whose root file system is 4 KiB of zeros, and what makes it special.</summary>
    public static void MakeSif(
        string path, SifFileSystem fileSystem = SifFileSystem.Squashfs, bool primary = true, bool signed = false,
        bool overlay = false)
    {
        var objects = new List<SifNewObject>
        {
            Partition(fileSystem, primary ? SifPartitionType.PrimarySystem : SifPartitionType.Data),
        };
        if (overlay)
            objects.Add(Partition(SifFileSystem.Ext3, SifPartitionType.Overlay));
        if (signed)
        {
            objects.Add(new SifNewObject
            {
                DataType = SifDataType.Signature,
                Content = SifContent.FromBytes("{}"u8.ToArray()),
                GroupId = null,
                LinkedId = 1,
                LinkedToGroup = true,
                Metadata = new SifSignatureMetadata(SifHashType.Sha256, null),
            });
        }

        SifWriter.Create(path, new SifCreateOptions(), objects);
    }

    /// <summary>All that is at a path, to compare with later.</summary>
    public static string Digest(string path) => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(path)));

    /// <summary>Names in a directory, hidden ones too.</summary>
    public static string[] Names(TemporaryDirectory directory) =>
        [.. Directory.EnumerateFileSystemEntries(directory.Path).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal)];

    /// <summary>Disk space that a file takes, in bytes.</summary>
    public static long AllocatedBytes(string path) =>
        long.Parse(Machine.Run("stat", "-c", "%b", path).Output, System.Globalization.CultureInfo.InvariantCulture) * 512;

    /// <summary>Has e2fsck find nothing to repair.</summary>
    public static void AssertClean(string path)
    {
        Machine.NeedTool("e2fsck");
        var (exitCode, output, error) = Machine.Run("e2fsck", "-fn", path);
        Assert.True(exitCode == 0, output + error);
        Assert.DoesNotContain("Fix?", output, StringComparison.Ordinal);
    }

    /// <summary>Has e2fsck find nothing to repair in a partition of a SIF image.</summary>
    public static void AssertClean(string sif, uint id)
    {
        Machine.NeedTool("siftool");
        var copy = sif + ".partition";
        var start = Machine.Run("sh", "-c", $"siftool dump {id} '{sif}' > '{copy}'");
        Assert.Equal(0, start.ExitCode);
        AssertClean(copy);
        File.Delete(copy);
    }

    /// <summary>What debugfs prints for a command.</summary>
    public static string Debugfs(string path, string command)
    {
        Machine.NeedTool("debugfs");
        return Machine.Run("debugfs", "-R", command, path).Output;
    }

    /// <summary>Owner, group and mode of a file in an ext3 image, as debugfs tells them.</summary>
    public static (int User, int Group, string Mode) Owner(string path, string file)
    {
        var text = Debugfs(path, $"stat {file}");
        var found = System.Text.RegularExpressions.Regex.Match(
            text, @"Mode:\s+(?<mode>\d+)[\s\S]*?User:\s+(?<user>\d+)\s+Group:\s+(?<group>\d+)");
        Assert.True(found.Success, text);
        return (Number("user"), Number("group"), found.Groups["mode"].Value);

        int Number(string name) => int.Parse(found.Groups[name].Value, System.Globalization.CultureInfo.InvariantCulture);
    }

    private static SifNewObject Partition(SifFileSystem fileSystem, SifPartitionType type) => new()
    {
        DataType = SifDataType.Partition,
        Content = SifContent.FromBytes(new byte[4096]),
        GroupId = 1,
        Metadata = new SifPartitionMetadata(fileSystem, type, SifArchitecture.Amd64),
    };
}
