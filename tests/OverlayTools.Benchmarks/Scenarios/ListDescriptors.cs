namespace OverlayTools.Benchmarks.Scenarios;

/// <summary>Listing the objects of an image that has a definition, a root file system and two overlays.</summary>
internal static class ListDescriptors
{
    public static IEnumerable<Scenario> All(Workplace place)
    {
        if (Peer.Find("siftool", place.Options.Siftool) is not { } siftool)
        {
            Report.Line("siftool is not here (--siftool PATH): Get-SifDescriptor is not measured.");
            yield break;
        }

        File.WriteAllText(Path.Combine(place.Folder, "list.def"), "Bootstrap: scratch\n");
        _ = place.Image;
        place.Session.Run("""
            New-SifImage list.sif root -DefinitionFile list.def
            New-OverlayImage list.sif -SizeBytes 64MB
            New-OverlayImage second.img -SizeBytes 64MB
            Add-SifPartition list.sif second.img -FileSystem Ext3 -GroupId 2
            """);
        yield return new Scenario(
            "Get-SifDescriptor, 4 objects",
            "siftool list",
            () => Peer.Run(place.Folder, siftool, "list", "list.sif"),
            () => place.Session.Run("Get-SifDescriptor list.sif"));
    }
}
