namespace OverlayTools.Benchmarks.Scenarios;

/// <summary>What a Python environment looks like: 50,000 small files in 500 directories, and one of 200 MB.</summary>
internal static class SampleTree
{
    private const int Directories = 500;
    private const int FilesEach = 100;
    private const int LargeMebibytes = 200;

    private static readonly int[] s_sizes = [200, 800, 1500, 3000, 5000, 9000];

    /// <summary>Makes the tree, the same each time.</summary>
    public static string Make(string path)
    {
        var random = new Random(1);
        var bytes = new byte[1 << 20];
        Directory.CreateDirectory(Path.Combine(path, "work"));
        for (var i = 0; i < Directories; i++)
        {
            var directory = Directory.CreateDirectory(Path.Combine(path, $"upper/lib{i / 20}/package{i}")).FullName;
            for (var file = 0; file < FilesEach; file++)
            {
                var content = bytes.AsSpan(0, s_sizes[random.Next(s_sizes.Length)]);
                random.NextBytes(content);
                File.WriteAllBytes(Path.Combine(directory, $"module_{file}.py"), content.ToArray());
            }
        }

        using var large = File.Create(Path.Combine(path, "upper/large.bin"));
        for (var i = 0; i < LargeMebibytes; i++)
        {
            random.NextBytes(bytes);
            large.Write(bytes);
        }

        return path;
    }
}
