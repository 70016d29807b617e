namespace OverlayTools.Benchmarks.Scenarios;

/// <summary>A container that runs <c>true</c>: what running any container costs on top of its command; then one that reads
/// much, and one that writes many small files.</summary>
internal static class NoOpContainer
{
    private const int Settling = 60;

    // What the command itself takes is printed by it: the rest is setting up and taking down.
    public const string SmallFiles =
        "mkdir /many; i=0; while [ $i -lt 500 ]; do echo $i >/many/$i; i=$((i+1)); done; rm -r /many";

    public static IEnumerable<Scenario> All(Workplace place)
    {
        if (Peer.Find("apptainer", place.Options.Apptainer) is not { } apptainer)
        {
            Report.Line("Apptainer is not here (--apptainer PATH): the container is not measured.");
            yield break;
        }

        var image = place.Image;
        var who = Environment.UserName;
        place.Session.Run("New-OverlayImage overlay.img");
        Directory.CreateDirectory(Path.Combine(place.Folder, "directory"));
        yield return NoOp("no overlay", "", 2.5);
        yield return NoOp("writable directory overlay", "directory", 2.5);
        yield return NoOp("writable ext3 overlay", "overlay.img", 2);
        yield return Files("directory overlay", "directory");
        yield return Files("ext3 overlay", "overlay.img");
        yield return Reading("directory");
        yield return Reading("ext3");
        if (who == "root")
            yield break;

        place.Session.Run("New-OverlayImage root-overlay.img -FakeRoot");
        Directory.CreateDirectory(Path.Combine(place.Folder, "root-directory"));
        yield return NoOp("fake root, no overlay", "", 2.5, fakeRoot: true);
        yield return NoOp("fake root, writable directory overlay", "root-directory", 2.5, fakeRoot: true);
        yield return NoOp("fake root, writable ext3 overlay", "root-overlay.img", 2, fakeRoot: true);
        yield return Files("fake root, directory overlay", "root-directory", fakeRoot: true);
        yield return Files("fake root, ext3 overlay", "root-overlay.img", fakeRoot: true);

        Scenario NoOp(string name, string overlay, double wanted, bool fakeRoot = false) =>
            Run($"no-op container, {name}, {who}", overlay, ["true"], fakeRoot) with { Wanted = wanted, SettlingRuns = Settling };

        Scenario Files(string name, string overlay, bool fakeRoot = false) =>
            Run($"500 small files written and removed, {name}, {who}", overlay, ["sh", "-c", SmallFiles], fakeRoot) with { MostRuns = 11 };

        // The host's own programs and libraries, bound: through the overlay they come from a directory layer.
        Scenario Reading(string kind)
        {
            var layer = Path.Combine(place.Folder, "reading");
            if (kind == "ext3")
            {
                place.Session.Run("New-OverlayImage reading.img 600MB -Source reading/upper");
            }
            else
            {
                Directory.CreateDirectory(layer);
                foreach (var part in new[] { "share", "lib/x86_64-linux-gnu" }.Where(part => Directory.Exists("/usr/" + part)))
                    CopySome("/usr/" + part, Path.Combine(layer, "upper/big", part));
                Directory.CreateDirectory(Path.Combine(layer, "work"));
            }

            return Run($"tar of a large tree through a writable {kind} overlay, {who}", kind == "ext3" ? "reading.img" : "reading",
                ["tar", "-cf", "/dev/null", "-C", "/", "big"], false) with { Wanted = 1, MostRuns = 11 };
        }

        Scenario Run(string name, string overlay, string[] command, bool fakeRoot)
        {
            string[] peer = [.. fakeRoot ? ["--fakeroot"] : Array.Empty<string>(), .. overlay == "" ? [] : new[] { "--overlay", overlay }];
            var ours = (fakeRoot ? " -FakeRoot" : "") + (overlay == "" ? "" : $" -Overlay {overlay}");
            var words = string.Join(' ', command.Select(word => $"'{word}'"));
            return new Scenario(
                name,
                string.Join(' ', (string[])["apptainer exec", .. peer]),
                () => Peer.Run(place.Folder, apptainer, ["exec", .. peer, image, .. command]),
                () => place.Session.Run($"Invoke-ContainerWithOverlay busybox.sif -Engine Native{ours} -- {words}"));
        }
    }

    // Some hundred megabytes are enough to tell; all of /usr may be many gigabytes.
    private static void CopySome(string from, string to)
    {
        var left = 150L << 20;
        foreach (var file in Directory.EnumerateFiles(from, "*", new EnumerationOptions
        {
            RecurseSubdirectories = true, IgnoreInaccessible = true, AttributesToSkip = FileAttributes.ReparsePoint,
        }))
        {
            if ((left -= new FileInfo(file).Length) < 0)
                return;
            var target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }
}
