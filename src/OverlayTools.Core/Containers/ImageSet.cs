using Microsoft.Win32.SafeHandles;
using OverlayTools.Overlays;

namespace OverlayTools.Containers;

/// <summary>An open image file of a container.</summary>
/// <param name="Handle">The file.</param>
/// <param name="Index">Its place among the files that the container inherits.</param>
/// <param name="Path">Its path.</param>
internal readonly record struct OpenImage(SafeFileHandle Handle, int Index, string Path);

/// <summary>The open image files of one container. Closing them is safe once the container has inherited them.</summary>
internal sealed class ImageSet : IDisposable
{
    private readonly List<SafeFileHandle> _files = [];

    public IReadOnlyList<SafeFileHandle> Files => _files;

    /// <summary>Warnings that opening the images gave.</summary>
    public List<string> Warnings { get; } = [];

    /// <summary>Whose the directories are that an overlay lacks, and that are made.</summary>
    public OverlayOwner Owner { get; init; } = OverlayOwner.Root;

    /// <summary>Told of what takes long: a replay, a copy.</summary>
    public IProgress<EngineProgress>? Progress { get; init; }

    /// <summary>Stops what takes long.</summary>
    public CancellationToken Token { get; init; }

    /// <summary>Whether who has a lock is looked for: that takes longer than asking for the lock again.</summary>
    public bool NamesHolders { get; init; } = true;

    /// <summary>Whether nothing is to be changed, nor copied: a plan is made, and no container.</summary>
    public bool OnlyLooks { get; init; }

    /// <summary>Whether the real root's kernel mounts the images, and no user namespace.</summary>
    public bool MountsAsRoot { get; init; }

    /// <summary>Adds an open file.</summary>
    public OpenImage Add(SafeFileHandle file, string path)
    {
        _files.Add(file);
        return new OpenImage(file, _files.Count - 1, path);
    }

    public void Dispose()
    {
        foreach (var file in _files)
            file.Dispose();
    }
}
