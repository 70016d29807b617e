namespace OverlayTools.Benchmarks.Scenarios;

/// <summary>The cmdlets that copy: the sample tree out of an image and into one, and a whole image.</summary>
internal static class Copying
{
    private const int MostRuns = 7;

    public static IEnumerable<Scenario> All(Workplace place)
    {
        if (!Peer.AreHere("copying", "mke2fs", "debugfs", "cp"))
            yield break;
        Peer.Run(place.Folder, Peer.Find("mke2fs")!, "-q", "-t", "ext3", "-F", "-d", place.Tree, "copied.img", "1G");
        yield return Out(place, "debugfs -R 'rdump /upper out-peer'", "debugfs -R 'rdump /upper out-peer' copied.img", 2);
        if (Environment.UserName == "root")
        {
            Directory.CreateDirectory(Path.Combine(place.Folder, "mounted"));
            yield return Out(place, "mount -o loop,ro && cp -a && umount",
                "mount -o loop,ro,noload copied.img mounted && cp -a mounted/upper out-peer && umount mounted", 1 / 1.5);
        }

        place.Session.Run("New-OverlayImage large.img 10GB | Out-Null; Copy-OverlayItem tree/upper/large.bin -Image large.img -ItemDestination /");
        yield return new Scenario(
            "Copy-OverlayImage, 10 GiB of which 200 MB are used, synced",
            "cp --sparse=always && sync",
            () => Peer.RunShell(place.Folder, "cp --sparse=always large.img clone-peer.img && sync clone-peer.img"),
            () => place.Session.Run("Copy-OverlayImage large.img clone-ours.img"))
        {
            Wanted = 2,
            MostRuns = MostRuns,
            SettlingRuns = 2,
            Prepare = () => place.Remove("clone-peer.img", "clone-ours.img"),
        };
    }

    private static Scenario Out(Workplace place, string peerName, string peer, double wanted) => new(
        "Copy-OverlayItem, 50,000 small files and one of 200 MB, out",
        peerName,
        () => Peer.RunShell(place.Folder, peer),
        () => place.Session.Run("Copy-OverlayItem copied.img '/*' out-ours -Recurse"))
    {
        Wanted = wanted,
        MostRuns = MostRuns,
        SettlingRuns = 2,
        Prepare = () =>
        {
            place.RemoveDirectory("out-peer", "out-ours");
            Directory.CreateDirectory(Path.Combine(place.Folder, "out-peer"));
        },
    };
}
