using OverlayTools.Ext;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Ext;

/// <summary>Shrinks images that were tampered with: they are refused and stay as they are, or come out as sound as
/// e2fsck finds the image before.</summary>
public sealed class HostileShrinkTests(ITestOutputHelper output)
{
    private const long MiB = 1 << 20;
    private const int Mutations = 250;

    [Fact]
    public void A_hostile_image_is_refused_or_shrinks_soundly()
    {
        var start = Environment.TickCount;
        output.WriteLine($"seeds from {start}, {Mutations} of them");
        using var directory = new TemporaryDirectory();
        var tree = RichImages.Tree(directory, 200) + "/upper/many";
        var image = Ext3Image.MadeByMke2fs(directory, 8 * MiB, "-g", "1024", "-d", tree);
        var images = new HostileImages("groups", File.ReadAllBytes(image.Path));
        var window = new HostileWindow(images.Bytes);
        var outcomes = new Dictionary<string, int>();
        for (var seed = start; seed < start + Mutations; seed++)
        {
            window.Restore();
            images.Mutate(window, new Random(seed));
            var before = Bytes(window);
            window.IsWritable = true;
            var outcome = Shrink(window, out var size, seed);
            var bytes = Bytes(window);
            outcomes[outcome] = outcomes.GetValueOrDefault(outcome) + 1;
            if (outcome != "shrunk")
            {
                Assert.True(before.AsSpan().SequenceEqual(bytes), $"seed {seed}: refused, and changed");
                continue;
            }

            File.WriteAllBytes(directory["before"], before);
            File.WriteAllBytes(directory["after"], bytes[..(int)size]);
            // What our check lets through e2fsck may still have a remark about; it must not have another one afterwards.
            if (Machine.Run("e2fsck", "-f", "-n", directory["before"]) is { ExitCode: 0 })
            {
                var (exit, said, error) = Machine.Run("e2fsck", "-f", "-n", directory["after"]);
                Assert.True(exit == 0, $"seed {seed}: {said}{error}");
            }
        }

        foreach (var (outcome, count) in outcomes.OrderBy(pair => pair.Key, StringComparer.Ordinal))
            output.WriteLine($"{count,6} {outcome}");
        Assert.True(outcomes.GetValueOrDefault("shrunk") > 10 && outcomes.Count > 1, "the mutations changed nothing, or all");
    }

    private static string Shrink(HostileWindow window, out long size, int seed)
    {
        size = 0;
        try
        {
            size = ExtShrinker.MinimumSize(window, TestContext.Current.CancellationToken);
            Assert.InRange(size, 1, window.Length);
            ExtShrinker.Shrink(window, size, null, TestContext.Current.CancellationToken);
            return "shrunk";
        }
        catch (EngineException error)
        {
            return error.ErrorId;
        }
        catch (Exception error) when (error is not (OperationCanceledException or Xunit.Sdk.XunitException))
        {
            throw new InvalidOperationException($"seed {seed}: {error.GetType().Name}", error);
        }
    }

    private static byte[] Bytes(HostileWindow window)
    {
        var bytes = new byte[window.Length];
        window.Read(0, bytes);
        return bytes;
    }
}
