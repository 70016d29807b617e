namespace OverlayTools.Benchmarks.Scenarios;

/// <summary>Growing an image from 2 GiB to 8 GiB, and shrinking one that has holes to what its content needs.</summary>
internal static class Resizing
{
    public static IEnumerable<Scenario> All(Workplace place)
    {
        if (!Peer.AreHere("resizing", "mke2fs", "e2fsck", "resize2fs", "debugfs"))
            yield break;
        place.MakeTemplate();
        Peer.Run(place.Folder, Peer.Find("mke2fs")!, "-q", "-t", "ext3", "-F", "-d", "template", "small.img", "2G");
        yield return new Scenario(
            "Resize-OverlayImage, 2 GiB to 8 GiB, synced, in a running session",
            "truncate && e2fsck -f -p && resize2fs && sync",
            () => Peer.RunShell(place.Folder,
                "truncate -s 8G resized-peer.img && e2fsck -f -p resized-peer.img && resize2fs resized-peer.img && sync resized-peer.img"),
            () => place.Session.Run("Resize-OverlayImage resized-ours.img -SizeBytes 8GB"))
        {
            Wanted = 1.5,
            SettlingRuns = 20,
            Prepare = () => Restore(place, "small.img"),
        };

        if (!place.Session.HasParameter("Resize-OverlayImage", "ToMinimumSize"))
        {
            Report.Line("Resize-OverlayImage has no -ToMinimumSize: shrinking is not measured.");
            yield break;
        }

        MakeHoles(place);
        yield return new Scenario(
            "Resize-OverlayImage -ToMinimumSize, 30,000 files and one of 200 MB in 2 GiB with gaps, synced",
            "e2fsck -f -p && resize2fs -M && sync",
            () => Peer.RunShell(place.Folder,
                "e2fsck -f -p resized-peer.img && resize2fs -M resized-peer.img && sync resized-peer.img"),
            () => place.Session.Run("Resize-OverlayImage resized-ours.img -ToMinimumSize"))
        {
            Wanted = 1 / 2.0,
            MostRuns = 11,
            Prepare = () => Restore(place, "holes.img"),
        };
    }

    // The files that lie first go away, so that what lies last has somewhere to go.
    private static void MakeHoles(Workplace place)
    {
        Peer.Run(place.Folder, Peer.Find("mke2fs")!, "-q", "-t", "ext3", "-F", "-d", place.Tree, "holes.img", "2G");
        var commands = Enumerable.Range(0, 200).SelectMany(
            directory => Enumerable.Range(0, 100).Select(file => $"rm /upper/lib{directory / 20}/package{directory}/module_{file}.py"));
        File.WriteAllLines(Path.Combine(place.Folder, "holes"), commands);
        Peer.Run(place.Folder, Peer.Find("debugfs")!, "-w", "-f", "holes", "holes.img");
        Peer.RunShell(place.Folder, "e2fsck -f -p holes.img || test $? -eq 1");
    }

    private static void Restore(Workplace place, string name)
    {
        place.Remove("resized-peer.img", "resized-ours.img");
        foreach (var copy in new[] { "resized-peer.img", "resized-ours.img" })
            Peer.RunShell(place.Folder, $"cp --sparse=always {name} {copy} && sync {copy}");
    }
}
