using BenchmarkDotNet.Attributes;
using OverlayTools.Sif;

namespace OverlayTools.Benchmarks.Micro;

/// <summary>Opening a SIF image, and listing what is in it.</summary>
[MemoryDiagnoser]
public class SifBenchmarks
{
    private string _folder = "";

    [Params(4, 40)]
    public int Objects { get; set; }

    private string Image => Path.Combine(_folder, "image.sif");

    [GlobalSetup]
    public void Make()
    {
        _folder = Directory.CreateTempSubdirectory("overlaytools-").FullName;
        SifWriter.Create(Image, new SifCreateOptions(), [.. Enumerable.Range(0, Objects).Select(number => new SifNewObject
        {
            DataType = SifDataType.Generic,
            Name = $"object {number}",
            Content = SifContent.FromBytes(new byte[1000]),
        })]);
    }

    [GlobalCleanup]
    public void Remove() => Directory.Delete(_folder, recursive: true);

    [Benchmark]
    public long Open()
    {
        using var image = SifImage.Open(Image);
        return image.Length;
    }

    [Benchmark]
    public int List()
    {
        using var image = SifImage.Open(Image);
        return image.Objects.Count(found => found is { SizeBytes: > 0, Name.Length: > 0, Fault: null });
    }
}
