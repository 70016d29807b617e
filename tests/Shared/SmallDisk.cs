namespace OverlayTools.TestSupport;

/// <summary>A disk in memory that is soon full, at a directory of the test's; only root can make one.</summary>
internal sealed class SmallDisk : IDisposable
{
    private readonly string _path;

    public SmallDisk(string path, int mebibytes)
    {
        Machine.NeedRoot();
        _path = path;
        Directory.CreateDirectory(path);
        var mounted = Machine.Run("mount", "-t", "tmpfs", "-o", $"size={mebibytes}m", "none", path);
        Assert.SkipUnless(mounted.ExitCode == 0, "needs to mount a tmpfs: " + mounted.Error);
    }

    /// <summary>What is on it.</summary>
    public IEnumerable<string> Names => Directory.EnumerateFileSystemEntries(_path).Select(path => Path.GetFileName(path)!);

    public string this[string name] => Path.Combine(_path, name);

    public void Dispose() => Machine.Run("umount", _path);
}
