using System.Globalization;
using Microsoft.Win32.SafeHandles;
using OverlayTools.IO;
using OverlayTools.Native;

namespace OverlayTools.Containers;

/// <summary>The marks on the overlays that a container writes, from its start to its end.</summary>
internal sealed class WriterMarks : IDisposable
{
    private readonly List<(SafeFileHandle File, long Offset)> _overlays = [];
    private readonly List<(SafeFileHandle File, long Offset, byte[] Mark)> _put = [];

    /// <summary>Prepares to mark the writable ext3 overlays.</summary>
    /// <param name="plan">The plan with the layers.</param>
    /// <param name="images">The open images that they name by descriptor.</param>
    public static WriterMarks For(ContainerPlan plan, IReadOnlyList<SafeFileHandle> images)
    {
        var marks = new WriterMarks();
        foreach (var layer in plan.Layers.Skip(1)
            .Where(layer => !layer.ReadOnly && layer.Driver is LayerDriver.Fuse2fs or LayerDriver.LoopExt3))
        {
            // Opened for its path only: another open file would be fine, but a duplicate would keep the lock.
            var path = string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{images[layer.Descriptor - InitProtocol.FirstImageDescriptor].DangerousGetHandle()}");
            if (Open.TryFile(path, Open.PathOnly, 0, out _) is { } file)
                marks._overlays.Add((file, layer.Offset));
        }

        return marks;
    }

    /// <summary>Marks them. Where that cannot be done, there is no mark.</summary>
    /// <param name="processId">The process that watches over the container.</param>
    public void Put(int processId)
    {
        foreach (var (file, offset) in _overlays)
        {
            if (WriterMark.Put(file, offset, processId) is { } mark)
                _put.Add((file, offset, mark));
        }
    }

    /// <summary>Takes the marks off.</summary>
    public void Dispose()
    {
        foreach (var (file, offset, mark) in _put)
            WriterMark.Remove(file, offset, mark);
        _put.Clear();
        foreach (var (file, _) in _overlays)
            file.Dispose();
        _overlays.Clear();
    }
}
