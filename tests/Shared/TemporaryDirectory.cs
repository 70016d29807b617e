namespace OverlayTools.TestSupport;

/// <summary>A scratch directory that goes away with the test.</summary>
internal sealed class TemporaryDirectory : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("ot-test-").FullName;

    public string this[string name] => System.IO.Path.Combine(Path, name);

    /// <summary>Lets every user in, for tests that run something as an ordinary user.</summary>
    public TemporaryDirectory OpenToAll()
    {
        File.SetUnixFileMode(Path, (UnixFileMode)0b111_111_111);
        return this;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
