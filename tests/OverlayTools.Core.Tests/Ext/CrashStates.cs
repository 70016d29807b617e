using OverlayTools.IO;

namespace OverlayTools.Core.Tests.Ext;

/// <summary>What a power failure may leave of recorded writes.</summary>
internal static class CrashStates
{
    /// <summary>Prefixes, prefixes whose last write is torn, and prefixes in which writes since the last flush are
    /// missing: a disk may keep them in any order.</summary>
    public static IEnumerable<(string Description, List<RecordingWindow.Step> Steps)> Of(
        RecordingWindow recording, Random random, int spreadOver = 60)
    {
        var steps = recording.Steps;
        // Most of the steps are new groups and the log; everything around the last flushes is looked at.
        var interesting = recording.FlushedAt.SelectMany(at => new[] { at - 1, at, at + 1 });
        var spread = Enumerable.Range(0, spreadOver).Select(i => (int)((long)i * steps.Count / spreadOver));
        foreach (var count in interesting.Concat(spread).Append(steps.Count).Where(at => at >= 0 && at <= steps.Count).Distinct().Order())
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

    public static void Apply(string path, List<RecordingWindow.Step> steps)
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
