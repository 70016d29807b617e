using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.Native;

namespace OverlayTools.Benchmarks.Scenarios;

/// <summary>An image of 1 GiB filled with the sample tree: making it, checking it, and copying all of it out.</summary>
internal static class Population
{
    private const long SizeBytes = 1L << 30;

    public static IEnumerable<Scenario> All(Workplace place)
    {
        if (!Peer.AreHere("populating, checking and copying out", "mke2fs", "e2fsck", "debugfs"))
            yield break;
        var tree = place.Tree;
        yield return new Scenario(
            "populate 1 GiB: 50,000 small files and one of 200 MB, synced",
            "truncate && mke2fs -t ext3 -d && sync",
            () => Peer.RunShell(place.Folder,
                $"truncate -s 1G full-peer.img && mke2fs -q -t ext3 -F -d {tree} full-peer.img && sync full-peer.img"),
            () => Populate(Path.Combine(place.Folder, "full-ours.img"), SizeBytes, tree))
        {
            Wanted = 1.2,
            MostRuns = 11,
            Prepare = () => place.Remove("full-peer.img", "full-ours.img"),
        };

        Peer.Run(place.Folder, Peer.Find("mke2fs")!, "-q", "-t", "ext3", "-F", "-d", tree, "full.img", "1G");
        yield return Check(place, "a session's first calls", 0);
        yield return Check(place, "in a running session", 30);
        yield return new Scenario(
            "copy all of it out",
            "debugfs -R 'rdump /upper out-peer'",
            () => Peer.Run(place.Folder, Peer.Find("debugfs")!, "-R", "rdump /upper out-peer", "full.img"),
            () => CopyOut.Run(Path.Combine(place.Folder, "full.img"), "/upper", Path.Combine(place.Folder, "out-ours")))
        {
            Wanted = 2,
            MostRuns = 11,
            SettlingRuns = 2,
            Prepare = () =>
            {
                place.RemoveDirectory("out-peer", "out-ours");
                Directory.CreateDirectory(Path.Combine(place.Folder, "out-peer"));
                Directory.CreateDirectory(Path.Combine(place.Folder, "out-ours"));
            },
        };
    }

    /// <summary>Makes an image with the tree, as New-OverlayImage makes an empty one: a temporary file, synced and
    /// renamed.</summary>
    public static void Populate(string path, long sizeBytes, string tree)
    {
        using var file = AtomicFile.Create(path, 0b110_000_000, force: false);
        Ftruncate.File(file.Handle, sizeBytes, path);
        ExtFormatter.Format(new FileWindow(file.Handle), new ExtFormatOptions(), ExtNode.FromDirectory(tree));
        file.Commit(replace: false);
    }

    private static Scenario Check(Workplace place, string when, int settling) => new(
        $"Test-OverlayImage of it, {when}",
        "e2fsck -fn",
        () => Peer.Run(place.Folder, Peer.Find("e2fsck")!, "-fn", "full.img"),
        () => place.Session.Run("if (-not (Test-OverlayImage full.img)) { throw 'not sound' }"))
    {
        Wanted = 1 / 1.5,
        SettlingRuns = settling,
    };
}
