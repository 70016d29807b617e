using System.Diagnostics;
using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.Native;
using OverlayTools.Overlays;

namespace OverlayTools.Benchmarks.Scenarios;

/// <summary>Making an overlay image of 1 GiB that is on the disk when the call returns.</summary>
internal static class NewImage
{
    private const long SizeBytes = 1L << 30;
    private const int LoopCount = 10;
    private const string PeerLoop = "for i in 1 2 3 4 5 6 7 8 9 10; do "
        + "truncate -s 1G peer$i.img && mkfs.ext3 -q -d template peer$i.img && sync peer$i.img || exit 1; done";
    private const string PeerCommand = "truncate -s 1G peer.img && mkfs.ext3 -q -d template peer.img && sync peer.img";

    public static IEnumerable<Scenario> All(Workplace place)
    {
        if (!Peer.AreHere("New-OverlayImage", "mkfs.ext3"))
            yield break;
        place.MakeTemplate();
        var fresh = new Scenario(
            "New-OverlayImage, 1 GiB, synced, a session's first calls",
            "truncate && mkfs.ext3 -d && sync",
            () => Peer.RunShell(place.Folder, PeerCommand),
            () => place.Session.Run("New-OverlayImage ours.img -SizeBytes 1GB"))
        {
            Prepare = () => place.Remove("peer.img", "ours.img"),
        };
        yield return fresh;
        yield return fresh with
        {
            Name = "New-OverlayImage, 1 GiB, synced, in a running session",
            SettlingRuns = 100,
        };
        // One line for one image is mostly the line: what automation does is a loop on both sides.
        yield return new Scenario(
            "New-OverlayImage, 10 times 1 GiB, synced, in a script's loop",
            "for ...; do truncate && mkfs.ext3 -d && sync; done",
            () => Peer.RunShell(place.Folder, PeerLoop),
            () => place.Session.Run("foreach ($number in 1..10) { New-OverlayImage \"ours$number.img\" -SizeBytes 1GB }"))
        {
            Prepare = () => place.Remove([.. Enumerable.Range(1, LoopCount).SelectMany(number => new[] { $"peer{number}.img", $"ours{number}.img" })]),
            SettlingRuns = 10,
            MostRuns = 11,
            Wanted = 20,
        };
    }

    /// <summary>Where our time goes: the same steps one by one.</summary>
    public static void ReportParts(Workplace place)
    {
        string[] names = ["format", "fsync of the file", "rename and fsync of the directory"];
        var times = names.Select(_ => new List<double>()).ToArray();
        for (var run = 0; run < place.Options.Runs; run++)
        {
            place.Remove("parts.tmp", "parts.img");
            var watch = Stopwatch.StartNew();
            var (from, to) = (Path.Combine(place.Folder, "parts.tmp"), Path.Combine(place.Folder, "parts.img"));
            using var file = Open.File(from, Open.ReadWrite | Open.Create | Open.Exclusive, 0b110_000_000);
            Ftruncate.File(file, SizeBytes, from);
            var window = new TimedWindow(new FileWindow(file));
            ExtFormatter.Format(window, new ExtFormatOptions(), OverlayTree.Create(0, 0, []));
            window.Flush();
            times[0].Add(watch.Elapsed.TotalMilliseconds - window.FlushMilliseconds);
            times[1].Add(window.FlushMilliseconds);
            watch.Restart();
            Rename.File(from, to, replace: false);
            Fsync.DirectoryOf(to);
            times[2].Add(watch.Elapsed.TotalMilliseconds);
        }

        Report.Parts("New-OverlayImage, 1 GiB: parts", names.Zip(times, (name, list) => (name, Sample.Of(list))));
    }
}
