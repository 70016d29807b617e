using Microsoft.Win32.SafeHandles;
using OverlayTools.IO;
using OverlayTools.Native;

namespace OverlayTools.Overlays;

/// <summary>Gives an image its disk space before it is used, so that a full disk shows now and not in the middle of work.</summary>
internal static class Preallocation
{
    private const int ChunkSize = 4 << 20;
    private const string Activity = "Allocating disk space";

    /// <summary>Allocates real blocks, by writing zeros where the file system cannot do better.</summary>
    /// <exception cref="LinuxException">ENOSPC: the disk is full.</exception>
    public static void Fill(
        SafeFileHandle file, long offset, long length, IProgress<EngineProgress>? progress, CancellationToken token)
    {
        if (!Fallocate.TryAllocate(file, offset, length))
            Fill(new FileWindow(file, offset, length), progress, token);
    }

    /// <summary>Allocates blocks by writing zeros.</summary>
    public static void Fill(Window window, IProgress<EngineProgress>? progress, CancellationToken token)
    {
        var zeros = new byte[ChunkSize];
        for (long done = 0; done < window.Length; done += ChunkSize)
        {
            token.ThrowIfCancellationRequested();
            window.Write(done, zeros.AsSpan(0, (int)Math.Min(ChunkSize, window.Length - done)));
            progress?.Report(new EngineProgress(Activity, done, window.Length));
        }
    }
}
