using System.Diagnostics;

namespace OverlayTools.Containers;

/// <summary>
/// Waits until the images of a container are free. Between two attempts none of them is held, so that two who wait for
/// each other's do not wait for ever.
/// </summary>
internal static class LockWait
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(200);

    /// <summary>Opens the images, again and again while one of them is in use.</summary>
    /// <param name="limit">How long; zero for one attempt.</param>
    /// <param name="open">Opens them all or throws; told whether to look for who has a lock.</param>
    /// <param name="progress">Told of the seconds waited, and for whom.</param>
    /// <param name="token">Ends the waiting.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayInUse"/> after that time, naming the holder.</exception>
    /// <exception cref="OperationCanceledException">It was ended.</exception>
    public static T Run<T>(TimeSpan limit, Func<bool, T> open, IProgress<EngineProgress>? progress, CancellationToken token)
    {
        var clock = Stopwatch.StartNew();
        for (var attempt = 0; ; attempt++)
        {
            token.ThrowIfCancellationRequested();
            var isLast = clock.Elapsed >= limit;
            try
            {
                // Once at the beginning, for the progress, and once at the end, for the error.
                return open(attempt == 0 || isLast);
            }
            catch (EngineException error) when (error.ErrorId == ErrorIds.OverlayInUse && !isLast)
            {
                if (attempt == 0)
                    progress?.Report(new EngineProgress(error.Message, 0, (long)limit.TotalSeconds, "seconds"));
                else
                    progress?.Report(new EngineProgress("Waiting for the image", (long)clock.Elapsed.TotalSeconds, (long)limit.TotalSeconds, "seconds"));
            }

            var left = limit - clock.Elapsed;
            if (left > TimeSpan.Zero)
                token.WaitHandle.WaitOne(left < s_pause ? left : s_pause);
        }
    }
}
