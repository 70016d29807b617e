namespace OverlayTools.Benchmarks.Scenarios;

/// <summary>A container that runs <c>true</c>: what running any container costs on top of its command.</summary>
internal static class NoOpContainer
{
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
        yield return Run($"no-op container, {who}", "");
        yield return Run($"no-op container, writable ext3 overlay, {who}", "overlay.img");
        if (who == "root")
            yield break;

        place.Session.Run("New-OverlayImage root-overlay.img -FakeRoot");
        yield return Run($"no-op container, fake root, {who}", "", fakeRoot: true);
        yield return Run($"no-op container, fake root, writable ext3 overlay, {who}", "root-overlay.img", fakeRoot: true);

        Scenario Run(string name, string overlay, bool fakeRoot = false)
        {
            string[] peer = [.. fakeRoot ? ["--fakeroot"] : Array.Empty<string>(), .. overlay == "" ? [] : new[] { "--overlay", overlay }];
            var ours = (fakeRoot ? " -FakeRoot" : "") + (overlay == "" ? "" : $" -Overlay {overlay}");
            return new Scenario(
                name,
                string.Join(' ', (string[])["apptainer exec", .. peer]),
                () => Peer.Run(place.Folder, apptainer, ["exec", .. peer, image, "true"]),
                () => place.Session.Run($"Invoke-ContainerWithOverlay busybox.sif{ours} -- true"));
        }
    }
}
