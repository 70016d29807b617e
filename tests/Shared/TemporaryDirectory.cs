namespace OverlayTools.TestSupport;

/// <summary>A scratch directory that goes away with the test.</summary>
internal sealed class TemporaryDirectory : IDisposable
{
    public TemporaryDirectory() => Path = Directory.CreateTempSubdirectory("ot-test-").FullName;

    private TemporaryDirectory(string path) => Path = Directory.CreateDirectory(path).FullName;

    public string Path { get; }

    /// <summary>One in memory, for many scattered blocks that a disk would take minutes for; skips where there is none.</summary>
    /// <param name="bytes">What the test needs there.</param>
    public static TemporaryDirectory InMemory(long bytes)
    {
        const string Memory = "/dev/shm";
        Assert.SkipUnless(Directory.Exists(Memory) && new DriveInfo(Memory).AvailableFreeSpace >= bytes, $"needs {bytes >> 30} GiB in {Memory}");
        return new TemporaryDirectory($"{Memory}/ot-test-{Guid.NewGuid():N}");
    }

    public string this[string name] => System.IO.Path.Combine(Path, name);

    /// <summary>Lets every user in, for tests that run something as an ordinary user.</summary>
    public TemporaryDirectory OpenToAll()
    {
        File.SetUnixFileMode(Path, (UnixFileMode)0b111_111_111);
        return this;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
