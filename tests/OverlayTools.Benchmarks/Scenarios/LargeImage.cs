using System.Globalization;

namespace OverlayTools.Benchmarks.Scenarios;

/// <summary>Making a sparse image of 1 TiB that is on the disk when the call returns, and what it takes of it.</summary>
internal static class LargeImage
{
    private const string PeerCommand = "truncate -s 1T big-peer.img && mkfs.ext3 -q -F -d template big-peer.img && sync big-peer.img";

    public static IEnumerable<Scenario> All(Workplace place)
    {
        if (!Peer.AreHere("New-OverlayImage of 1 TiB", "mkfs.ext3"))
            yield break;
        place.MakeTemplate();
        yield return new Scenario(
            "New-OverlayImage, 1 TiB, synced, in a running session",
            "truncate && mkfs.ext3 -d && sync",
            () => Peer.RunShell(place.Folder, PeerCommand),
            () => place.Session.Run("New-OverlayImage big-ours.img -SizeBytes 1TB"))
        {
            Wanted = 5,
            MostRuns = 11,
            SettlingRuns = 10,
            Prepare = () => place.Remove("big-peer.img", "big-ours.img"),
        };
    }

    /// <summary>How much of the disk the two images take.</summary>
    public static void ReportDiskUse(Workplace place)
    {
        if (Peer.Find("mkfs.ext3") is null)
            return;
        place.MakeTemplate();
        place.Remove("big-peer.img", "big-ours.img");
        Peer.RunShell(place.Folder, PeerCommand);
        place.Session.Run("New-OverlayImage big-ours.img -SizeBytes 1TB");
        var (ours, peer) = (DiskUse(place, "big-ours.img"), DiskUse(place, "big-peer.img"));
        Report.Line(string.Create(CultureInfo.InvariantCulture,
            $"Disk use of 1 TiB: ours {ours / 1e6:0.0} MB, mkfs.ext3's {peer / 1e6:0.0} MB: 1/{peer / ours:0.0} of it (at most 1/10 is wanted)"));
        Report.Line("");
        place.Remove("big-peer.img", "big-ours.img");
    }

    private static double DiskUse(Workplace place, string name) =>
        double.Parse(Peer.Read(place.Folder, "stat", "-c", "%b", name), CultureInfo.InvariantCulture) * 512;
}
