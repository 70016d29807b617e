using Microsoft.Win32.SafeHandles;

namespace OverlayTools.Containers;

/// <summary>The open image files of one container. Closing them is safe once the container has inherited them.</summary>
internal sealed class ImageSet : IDisposable
{
    private readonly List<SafeFileHandle> _files = [];

    public IReadOnlyList<SafeFileHandle> Files => _files;

    /// <summary>Warnings that opening the images gave.</summary>
    public List<string> Warnings { get; } = [];

    /// <summary>Adds an open file and returns its index.</summary>
    public int Add(SafeFileHandle file)
    {
        _files.Add(file);
        return _files.Count - 1;
    }

    public void Dispose()
    {
        foreach (var file in _files)
            file.Dispose();
    }
}
