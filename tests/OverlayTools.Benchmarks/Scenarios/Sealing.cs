using OverlayTools.Containers;

namespace OverlayTools.Benchmarks.Scenarios;

/// <summary>An overlay with the sample tree becomes squashfs.</summary>
internal static class Sealing
{
    public static IEnumerable<Scenario> All(Workplace place)
    {
        if (!Peer.AreHere("sealing", "mke2fs", "mksquashfs", "sqfstar", "mount"))
            yield break;
        if (Environment.UserName != "root")
        {
            Report.Line("Only root can mount for the peer: sealing is not measured.");
            yield break;
        }

        Peer.RunShell(place.Folder, $"mkdir mounted && mke2fs -q -t ext3 -F -d {place.Tree} seal.img 1G");
        foreach (var (name, compression, level) in (IEnumerable<(string, SealCompression, int?)>)[
            ("gzip", SealCompression.Gzip, null), ("zstd", SealCompression.Zstd, 3),
        ])
        {
            var options = level is null ? $"-comp {name}" : $"-comp {name} -Xcompression-level {level}";
            yield return new Scenario(
                $"seal 50,000 small files and one of 200 MB, {name}{(level is null ? "" : $" {level}")}",
                "mount && mksquashfs",
                () => Peer.RunShell(place.Folder,
                    $"mount -o loop,ro seal.img mounted && mksquashfs mounted/upper seal-peer.sqfs -quiet -no-progress {options}; umount mounted; sync seal-peer.sqfs"),
                () => OverlayConverter.Convert(new OverlayConversion
                {
                    Path = Path.Combine(place.Folder, "seal.img"),
                    Destination = Path.Combine(place.Folder, "seal-ours.sqfs"),
                    Packing = new SquashfsPacking(compression, level),
                }))
            {
                Wanted = 1,
                MostRuns = 5,
                Prepare = () => place.Remove("seal-peer.sqfs", "seal-ours.sqfs"),
            };
        }
    }
}
