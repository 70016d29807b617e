using System.Globalization;
using System.Text;

namespace OverlayTools.Core.Tests.Sealing;

/// <summary>Shell text that changes a tree in all the ways that matter to a stack of layers.</summary>
internal static class RandomChanges
{
    /// <summary>A tree to begin with.</summary>
    public const string Tree = """
        mkdir -p a/x/y b/x c d/deep/er e; for d in a a/x a/x/y b b/x c d d/deep d/deep/er; do
        for n in 1 2 3; do echo "$d$n" > $d/f$n; done; ln -s f1 $d/l; done; ln a/f1 b/hard; mkfifo c/p; mknod c/n c 1 3
        chmod 700 d; chmod 4755 a/f2; chown 1000:70000 b/f1; setfattr -n user.k -v base a/x; truncate -s 3M e/sparse; echo end >> e/sparse
        find . -exec touch -h -d '2001-02-03 04:05:06' {} +
        """;

    /// <summary>Some of them, the same for the same seed.</summary>
    public static string Script(int seed, int count)
    {
        var random = new Random(seed);
        var script = new StringBuilder("exec 2>/dev/null\n");
        for (var i = 0; i < count; i++)
        {
            var (file, directory, other) = (File(random), Directory(random), Directory(random));
            script.Append(CultureInfo.InvariantCulture, $"{Change(random, file, directory, other, i)}\n");
        }

        // The same times on every layer, whatever was done when.
        return script.Append("true").ToString();
    }

    private static string Change(Random random, string file, string directory, string other, int i) => random.Next(16) switch
    {
        0 or 1 => $"mkdir -p {directory}; echo new{i} > {directory}/f{random.Next(1, 6)}",
        2 or 3 => $"rm -f {file}",
        4 or 5 => $"rm -rf {directory}",
        6 or 7 => $"rm -rf {directory}; mkdir -p {directory}; echo again{i} > {directory}/g",
        8 => $"echo more{i} >> {file}",
        9 => $"chmod {random.Next(0, 8)}7{random.Next(0, 8)} {file} {directory}",
        10 => $"chown {random.Next(3) * 70000}:{random.Next(5)} {file}; setfattr -n user.k{random.Next(3)} -v {i} {file} {directory}",
        11 => $"mv {file} {directory}/moved",
        12 => $"mv {directory} {other}/dir",
        13 => $"rm -rf {directory}; echo nowfile > {directory}",
        14 => $"rm -f {file}; mkdir -p {file}/sub; echo in > {file}/sub/f",
        _ => $"rm -f {file}; ln -s /etc/passwd {file}; ln {directory}/f1 {other}/hl{i}; touch -d @{1_000_000_000 + i} {directory}",
    };

    private static string Directory(Random random) =>
        ((string[])["a", "a/x", "a/x/y", "b", "b/x", "c", "d", "d/deep", "d/deep/er", "e", "n", "n/m"])[random.Next(12)];

    private static string File(Random random) => $"{Directory(random)}/{((string[])["f1", "f2", "f3", "l", "g", "hard"])[random.Next(6)]}";
}
