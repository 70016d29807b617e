using System.Globalization;

namespace OverlayTools.Benchmarks.Scenarios;

/// <summary>SIF images: listing many, adding a large sparse overlay, verifying a large signed one.</summary>
internal static class SifImages
{
    private const int Images = 1000;

    public static IEnumerable<Scenario> All(Workplace place)
    {
        var siftool = Peer.Find("siftool", place.Options.Siftool);
        var apptainer = Peer.Find("apptainer", place.Options.Apptainer);
        if (siftool is null)
            Report.Line("siftool is not here (--siftool PATH): listing and adding are not measured against it.");
        if (apptainer is null)
            Report.Line("apptainer is not here (--apptainer PATH): adding and verifying are not measured against it.");

        _ = place.Image;
        IEnumerable<Scenario?> scenarios =
        [
            siftool is null ? null : List(place, siftool), siftool is null ? null : AddPartition(place, siftool),
            apptainer is null ? null : NewOverlay(place, apptainer), apptainer is null ? null : Verify(place, apptainer),
        ];
        return scenarios.OfType<Scenario>();
    }

    /// <summary>How much of the disk an image takes after a sparse overlay of 1 GiB was added.</summary>
    public static void ReportDiskUse(Workplace place)
    {
        if (Peer.Find("siftool", place.Options.Siftool) is not { } siftool)
            return;
        var add = AddPartition(place, siftool);
        add.Prepare();
        add.Peer();
        add.Ours();
        Report.Line(string.Create(CultureInfo.InvariantCulture,
            $"Disk use with a sparse overlay of 1 GiB added: ours {DiskUse(place, "add-ours.sif") / 1e6:0.0} MB, "
            + $"siftool's {DiskUse(place, "add-peer.sif") / 1e6:0.0} MB"));
        Report.Line("");
        place.Remove("add-ours.sif", "add-peer.sif");
    }

    private static Scenario List(Workplace place, string siftool)
    {
        Directory.CreateDirectory(Path.Combine(place.Folder, "many"));
        for (var i = 0; i < Images; i++)
            File.Copy(place.Image, Path.Combine(place.Folder, "many", $"{i}.sif"));
        return new Scenario(
            "Get-SifDescriptor of 1,000 images in one pipeline",
            "siftool list, 1,000 times",
            () => Peer.RunShell(place.Folder, $"for i in many/*.sif; do '{siftool}' list $i; done"),
            () => place.Session.Run("$null = Get-SifDescriptor many/*.sif"))
        {
            Wanted = 50,
            MostRuns = 5,
            SettlingRuns = 3,
        };
    }

    private static Scenario AddPartition(Workplace place, string siftool)
    {
        MakeOverlay(place);
        return new Scenario(
            "Add-SifPartition, a sparse overlay of 1 GiB",
            "siftool add",
            () => Peer.Run(place.Folder, siftool, "add", "--datatype", "4", "--parttype", "4", "--partfs", "2",
                "--partarch", "2", "--groupid", "1", "add-peer.sif", "sparse.img"),
            () => place.Session.Run("Add-SifPartition add-ours.sif sparse.img -FileSystem Ext3"))
        {
            Wanted = 50,
            MostRuns = 7,
            SettlingRuns = 20,
            Prepare = () => Copy(place, "add-peer.sif", "add-ours.sif"),
        };
    }

    private static Scenario NewOverlay(Workplace place, string apptainer) => new(
        "New-OverlayImage of 1 GiB in a SIF image",
        "apptainer overlay create --sparse",
        () => Peer.Run(place.Folder, apptainer, "overlay", "create", "--sparse", "--size", "1024", "new-peer.sif"),
        () => place.Session.Run("New-OverlayImage new-ours.sif -SizeBytes 1GB"))
    {
        Wanted = 50,
        MostRuns = 7,
        SettlingRuns = 20,
        Prepare = () => Copy(place, "new-peer.sif", "new-ours.sif"),
    };

    private static Scenario Verify(Workplace place, string apptainer)
    {
        Peer.RunShell(place.Folder, """
            head -c 500000000 /dev/urandom > random
            openssl genpkey -algorithm ed25519 -out key.pem && openssl pkey -in key.pem -pubout -out key.pub
            cp busybox.sif signed.sif
            """);
        place.Session.Run("Add-SifObject signed.sif random -DataType Generic; Add-SifSignature signed.sif key.pem");
        return new Scenario(
            "Test-SifImage, 500 MB, signed with Ed25519",
            "apptainer verify",
            () => Peer.Run(place.Folder, apptainer, "verify", "--key", "key.pub", "signed.sif"),
            () => place.Session.Run(
                "if (-not (Test-SifImage signed.sif -KeyPath key.pub -RequireSignature)) { throw 'not valid' }"))
        {
            Wanted = 1,
            MostRuns = 7,
            SettlingRuns = 2,
        };
    }

    private static void MakeOverlay(Workplace place)
    {
        if (!File.Exists(Path.Combine(place.Folder, "sparse.img")))
            place.Session.Run("New-OverlayImage sparse.img -SizeBytes 1GB");
    }

    private static void Copy(Workplace place, params string[] names)
    {
        place.Remove(names);
        foreach (var name in names)
            File.Copy(place.Image, Path.Combine(place.Folder, name));
    }

    private static double DiskUse(Workplace place, string name) =>
        double.Parse(Peer.Read(place.Folder, "stat", "-c", "%b", name), CultureInfo.InvariantCulture) * 512;
}
