using System.Globalization;
using System.Security.Cryptography;
using OverlayTools.IO;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Ext;

/// <summary>
/// The states in which a crash can leave a file whose writes were recorded: prefixes, prefixes whose last write is torn,
/// and prefixes in which some of the writes since the last flush are missing, since a disk may keep them in any order.
/// </summary>
/// <param name="Description">Which state it is, for a failing test.</param>
/// <param name="Steps">What reached the disk.</param>
internal sealed record CrashStates(string Description, IReadOnlyList<RecordingWindow.Step> Steps)
{
    private const int Sector = 512;

    /// <summary>The states around each flush, and so many others spread evenly.</summary>
    /// <param name="recording">What was written.</param>
    /// <param name="random">Which writes are lost.</param>
    /// <param name="spread">Prefixes besides those around the flushes; by default every prefix.</param>
    public static IEnumerable<CrashStates> Of(RecordingWindow recording, Random random, int spread = int.MaxValue)
    {
        var steps = recording.Steps;
        spread = Math.Min(spread, steps.Count);
        var around = recording.FlushedAt.SelectMany(at => new[] { at - 1, at, at + 1 });
        var between = Enumerable.Range(0, spread).Select(i => (int)((long)i * steps.Count / spread));
        foreach (var count in around.Concat(between).Append(0).Append(steps.Count)
            .Where(at => at >= 0 && at <= steps.Count).Distinct().Order())
        {
            yield return new CrashStates($"after {count} of {steps.Count}", [.. steps.Take(count)]);
            if (count == 0)
                continue;
            var last = steps[count - 1];
            if (last.Bytes.Length > 0)
            {
                var half = Math.Min(Math.Max(Sector, last.Bytes.Length / 2 / Sector * Sector), last.Bytes.Length);
                yield return new CrashStates($"write {count} of {steps.Count} torn at {half}",
                    [.. steps.Take(count - 1), last with { Bytes = last.Bytes[..half] }]);
            }

            var flushed = recording.FlushedAt.Where(at => at < count).DefaultIfEmpty(0).Max();
            yield return new CrashStates($"some of {flushed} to {count} of {steps.Count}",
                [.. steps.Take(flushed), .. steps.Skip(flushed).Take(count - flushed).Where(s => s.IsLength || random.Next(2) == 0)]);
        }
    }

    /// <summary>Makes the state out of a copy of the file as it was before.</summary>
    public void ApplyTo(string path)
    {
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
        var window = new FileWindow(file);
        foreach (var step in Steps)
        {
            if (step.IsLength)
                window.SetLength(step.Count);
            else if (step.Bytes.Length == 0)
                window.Clear(step.Position, step.Count);
            else
                window.Write(step.Position, step.Bytes);
        }
    }

    /// <summary>A copy of the file as it was before, with this state made of it.</summary>
    public Ext3Image Make(string pristine, string path)
    {
        Copy(pristine, path);
        ApplyTo(path);
        return new Ext3Image(path);
    }

    public static void Copy(string from, string to) => Ext3Image.Run("cp", "--sparse=always", from, to);

    /// <summary>What debugfs copies out of a directory of an image: one line a file, with a digest of its
    /// content.</summary>
    public static string Content(string path, TemporaryDirectory directory, string below = "/upper")
    {
        var target = directory["dump"];
        Directory.CreateDirectory(target);
        Ext3Image.Run("debugfs", "-R", $"rdump {below} {target}", path);
        var content = string.Join('\n', Directory.GetFiles(target, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            .Select(file => string.Create(CultureInfo.InvariantCulture,
                $"{file[target.Length..]} {new FileInfo(file).LinkTarget ?? Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(file)))}")));
        Directory.Delete(target, recursive: true);
        return content;
    }
}
