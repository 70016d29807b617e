using OverlayTools.IO;

namespace OverlayTools.Core.Tests.Ext;

/// <summary>What a disk may hold when the power fails while a record of writes is made.</summary>
internal static class CrashStates
{
    /// <summary>Prefixes of the writes, prefixes whose last write is torn, and prefixes in which writes since the last flush
    /// are missing: a disk may keep them in any order.</summary>
    /// <param name="recording">The writes.</param>
    /// <param name="spread">Prefixes between the flushes; around each flush all are looked at.</param>
    /// <param name="random">Which writes are missing.</param>
    public static IEnumerable<(string Description, List<RecordingWindow.Step> Steps)> Of(
        RecordingWindow recording, int spread, Random random)
    {
        var steps = recording.Steps;
        var atFlushes = recording.FlushedAt.SelectMany(at => new[] { at - 1, at, at + 1 });
        var between = Enumerable.Range(0, spread).Select(i => (int)((long)i * steps.Count / spread));
        foreach (var count in atFlushes.Concat(between).Append(steps.Count).Where(at => at >= 0 && at <= steps.Count).Distinct().Order())
        {
            yield return ($"after {count} of {steps.Count}", [.. steps.Take(count)]);
            if (count == 0)
                continue;
            var last = steps[count - 1];
            if (last.Bytes.Length > 0)
            {
                var half = Math.Max(512, last.Bytes.Length / 2 / 512 * 512);
                yield return ($"write {count} of {steps.Count} torn at {half}",
                    [.. steps.Take(count - 1), last with { Bytes = last.Bytes[..Math.Min(half, last.Bytes.Length)] }]);
            }

            var flushed = recording.FlushedAt.Where(at => at < count).DefaultIfEmpty(0).Max();
            yield return ($"some of {flushed} to {count} of {steps.Count}",
                [.. steps.Take(flushed), .. steps.Skip(flushed).Take(count - flushed).Where(s => s.IsLength || random.Next(2) == 0)]);
        }
    }

    /// <summary>Makes the writes.</summary>
    public static void Apply(string path, IEnumerable<RecordingWindow.Step> steps)
    {
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
        var window = new FileWindow(file);
        foreach (var step in steps)
        {
            if (step.IsLength)
                window.SetLength(step.Count);
            else if (step.Bytes.Length == 0)
                window.Clear(step.Position, step.Count);
            else
                window.Write(step.Position, step.Bytes);
        }
    }
}
