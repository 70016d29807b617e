using BenchmarkDotNet.Attributes;
using Microsoft.Win32.SafeHandles;
using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.Overlays;

namespace OverlayTools.Benchmarks.Micro;

/// <summary>Our ext3 formatter alone, into a sparse file, without fsync.</summary>
[MemoryDiagnoser]
public class FormatBenchmarks
{
    private readonly string _path = Path.GetTempFileName();
    private SafeFileHandle _file = null!;

    [Params(64L << 20, 1L << 30, 32L << 30)]
    public long SizeBytes { get; set; }

    [IterationSetup]
    public void Open()
    {
        _file = File.OpenHandle(_path, FileMode.Create, FileAccess.ReadWrite);
        RandomAccess.SetLength(_file, SizeBytes);
    }

    [IterationCleanup]
    public void Close() => _file.Dispose();

    [GlobalCleanup]
    public void Remove() => File.Delete(_path);

    [Benchmark]
    public ExtGeometry Format() =>
        ExtFormatter.Format(new FileWindow(_file), new ExtFormatOptions(), OverlayTree.Create(0, 0, []));
}
