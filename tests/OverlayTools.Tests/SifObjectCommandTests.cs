using System.Management.Automation;
using OverlayTools.Sif;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests;

/// <summary>Removing, exporting, choosing the primary partition, optimizing.</summary>
public sealed class SifObjectCommandTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly ModuleSession _session;

    public SifObjectCommandTests()
    {
        _session = new ModuleSession(_directory.Path);
        MakeImage("a.sif");
        MakeImage("signed.sif", signed: true);
        File.WriteAllText(_directory["text"], "neither");
        File.WriteAllText(_directory["there"], "precious");
    }

    public void Dispose()
    {
        _session.Dispose();
        _directory.Dispose();
    }

    [Theory]
    [InlineData("Remove-SifObject a.sif 1", "2 3 4")]
    [InlineData("Remove-SifObject a.sif -Id 1, 3", "2 4")]
    [InlineData("Get-SifDescriptor a.sif -Name notes | Remove-SifObject", "1 2 3")]
    [InlineData("Get-SifDescriptor a.sif | Remove-SifObject -Force", "")]
    [InlineData("'a.sif' | Remove-SifObject -Id 4 -Zero -Compact", "1 2 3")]
    [InlineData("Remove-SifObject a.sif 2 -Force", "1 3 4")]
    public void Objects_are_removed(string command, string left)
    {
        Assert.Empty(_session.Run(command));
        Assert.Empty(_session.Errors);
        Assert.Equal(left, Ids("a.sif"));
    }

    [Fact]
    public void Zero_and_compact_do_what_they_say()
    {
        var length = new FileInfo(_directory["a.sif"]).Length;
        _session.Run("Remove-SifObject a.sif 1 -Zero");
        Assert.DoesNotContain("Bootstrap", File.ReadAllText(_directory["a.sif"]), StringComparison.Ordinal);
        Assert.Equal(length, new FileInfo(_directory["a.sif"]).Length);
        _session.Run("Remove-SifObject a.sif 4 -Compact -Verbose");
        Assert.Equal(length - 5000, new FileInfo(_directory["a.sif"]).Length);
        Assert.Contains(_session.Verbose, line => line.Contains("->", StringComparison.Ordinal));
    }

    [Fact]
    public void Force_replaces_what_was_there_and_not_the_object_before()
    {
        _session.Run("""
            'one' | Add-SifObject a.sif -DataType Generic -Name same
            'two' | Add-SifObject a.sif -DataType Generic -Name same
            [IO.File]::WriteAllText("$PWD/same", 'old')
            Get-SifDescriptor a.sif -Name same | Export-SifObject -Force
            """);
        Assert.Empty(_session.Errors);
        Assert.Equal("one\n", File.ReadAllText(_directory["same"]));
        Assert.Equal("two\n", File.ReadAllText(_directory["a.6.same"]));

        _session.Run("mkdir d; cp a.sif d/a.sif; Get-SifDescriptor a.sif, d/a.sif -Id 2 | Export-SifObject -Force");
        Assert.Contains("just now", Assert.Single(_session.Errors).Exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("out")] // made for them
    [InlineData("out/")]
    [InlineData("there.d")]
    public void Objects_of_several_images_with_the_same_name_do_not_take_each_others_place(string destination)
    {
        _session.Run($$"""
            mkdir there.d
            'one' | Add-SifObject a.sif -DataType Generic -Name same
            cp a.sif b.sif
            Remove-SifObject b.sif 5
            'two' | Add-SifObject b.sif -DataType Generic -Name same
            Get-SifDescriptor [ab].sif -Name same | Export-SifObject -Destination ./{{destination}}
            """);
        Assert.Empty(_session.Errors);
        Assert.Equal(["b.5.same two", "same one"], Exported());

        // What was there before is another matter.
        _session.Run($"Get-SifDescriptor b.sif 5 | Export-SifObject -Destination ./{destination}");
        ErrorAssert.Single(_session, ErrorIds.OverlayAlreadyExists, ErrorCategory.ResourceExists);
        _session.Run($"Get-SifDescriptor b.sif 5 | Export-SifObject -Destination ./{destination} -Force");
        Assert.Empty(_session.Errors);
        Assert.Equal(["b.5.same two", "same two"], Exported());

        IEnumerable<string> Exported() => Directory.GetFiles(_directory[destination.TrimEnd('/')])
            .Order(StringComparer.Ordinal).Select(path => $"{Path.GetFileName(path)} {File.ReadAllText(path).Trim()}");
    }

    [Theory]
    [InlineData("Get-SifDescriptor a.sif 1 | Export-SifObject -Destination ./out -WhatIf")]
    [InlineData("Get-SifDescriptor a.sif 1, 2 | Export-SifObject -Destination ./out -WhatIf")]
    public void What_if_makes_no_directory(string command)
    {
        _session.Run(command);
        Assert.Empty(_session.Errors);
        Assert.False(Path.Exists(_directory["out"]));
    }

    [Fact]
    public void An_object_that_is_called_as_its_image_does_not_replace_it()
    {
        _session.Run("'x' | Add-SifObject a.sif -DataType Generic -Name a.sif");
        var before = File.ReadAllBytes(_directory["a.sif"]);
        _session.Run("Export-SifObject a.sif 5 -Force");
        Assert.Contains("the image itself", Assert.Single(_session.Errors).Exception.Message, StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllBytes(_directory["a.sif"]));
    }

    [Fact]
    public void A_name_that_a_command_would_take_for_an_option_is_not_made()
    {
        _session.Run("'x' | Add-SifObject a.sif -DataType Generic -Name -rf; Export-SifObject a.sif 5");
        Assert.Empty(_session.Errors);
        Assert.True(File.Exists(_directory["a.5.bin"]));
    }

    [Fact]
    public void Nothing_is_added_when_no_content_was_given()
    {
        var before = File.ReadAllBytes(_directory["a.sif"]);
        _session.Run("Add-SifObject a.sif -DataType Generic");
        Assert.Contains("no content", Assert.Single(_session.Errors).Exception.Message, StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllBytes(_directory["a.sif"]));
    }

    [Fact]
    public void A_pipeline_that_brings_nothing_adds_nothing()
    {
        var before = File.ReadAllBytes(_directory["a.sif"]);
        _session.Run("@() | Add-SifObject a.sif -DataType Generic");
        Assert.Contains("no content", Assert.Single(_session.Errors).Exception.Message, StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllBytes(_directory["a.sif"]));
    }

    [Fact]
    public void A_link_that_leads_nowhere_now_is_warned_of()
    {
        _session.Run("Remove-SifObject a.sif 3");
        Assert.Contains("object 4", Assert.Single(_session.Warnings), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Remove-SifObject a.sif 1 -WhatIf")]
    [InlineData("Get-SifDescriptor a.sif | Remove-SifObject -Force -WhatIf")]
    [InlineData("Set-SifPrimaryPartition a.sif 3 -WhatIf")]
    [InlineData("Export-SifObject a.sif 1 -WhatIf")]
    [InlineData("Optimize-SifImage a.sif -WhatIf")]
    public void WhatIf_changes_nothing(string command)
    {
        var before = (ImageFiles.Digest(_directory["a.sif"]), string.Join(' ', ImageFiles.Names(_directory)));
        Assert.Empty(_session.Run(command));
        Assert.Empty(_session.Errors);
        Assert.Equal(before, (ImageFiles.Digest(_directory["a.sif"]), string.Join(' ', ImageFiles.Names(_directory))));
    }

    [Theory]
    [InlineData("Remove-SifObject a.sif 2", ErrorIds.SifPrimaryPartitionProtected, ErrorCategory.PermissionDenied)]
    [InlineData("Remove-SifObject a.sif 9", ErrorIds.SifDescriptorNotFound, ErrorCategory.ObjectNotFound)]
    [InlineData("Remove-SifObject signed.sif 1 -Force", ErrorIds.SifSigned, ErrorCategory.SecurityError)]
    [InlineData("Remove-SifObject text 1", ErrorIds.SifBadMagic, ErrorCategory.InvalidData)]
    [InlineData("Remove-SifObject none.sif 1", ErrorIds.OverlayFileNotFound, ErrorCategory.ObjectNotFound)]
    [InlineData("Export-SifObject a.sif 9", ErrorIds.SifDescriptorNotFound, ErrorCategory.ObjectNotFound)]
    [InlineData("Export-SifObject a.sif 1 there", ErrorIds.OverlayAlreadyExists, ErrorCategory.ResourceExists)]
    [InlineData("Export-SifObject a.sif 1 none/out", ErrorIds.OverlayFileNotFound, ErrorCategory.ObjectNotFound)]
    [InlineData("Export-SifObject a.sif 9 -AsByteStream", ErrorIds.SifDescriptorNotFound, ErrorCategory.ObjectNotFound)]
    [InlineData("Set-SifPrimaryPartition a.sif 1", ErrorIds.SifInvalidValue, ErrorCategory.InvalidArgument)]
    [InlineData("Set-SifPrimaryPartition a.sif 9", ErrorIds.SifDescriptorNotFound, ErrorCategory.ObjectNotFound)]
    [InlineData("Set-SifPrimaryPartition signed.sif 3", ErrorIds.SifSigned, ErrorCategory.SecurityError)]
    [InlineData("Optimize-SifImage text", ErrorIds.SifBadMagic, ErrorCategory.InvalidData)]
    public void A_failure_has_its_id_its_category_and_what_to_do(string command, string id, ErrorCategory category)
    {
        string[] files = ["a.sif", "signed.sif", "there"];
        var before = files.Select(name => ImageFiles.Digest(_directory[name])).ToList();
        Assert.Empty(_session.Run(command));
        ErrorAssert.Single(_session, id, category);
        Assert.Equal(before, files.Select(name => ImageFiles.Digest(_directory[name])));
        Assert.Equal(4, ImageFiles.Names(_directory).Length);
    }

    [Fact]
    public void A_stream_has_no_destination()
    {
        Assert.Empty(_session.Run("Export-SifObject a.sif 1 out -AsByteStream"));
        ErrorAssert.Single(_session, ErrorIds.OptionConflict, ErrorCategory.InvalidArgument);
    }

    [Theory]
    [InlineData("Export-SifObject a.sif 1", "bootstrap.def")]
    [InlineData("Export-SifObject a.sif 1 out", "out")]
    [InlineData("mkdir d; Export-SifObject a.sif 1 d", "d/bootstrap.def")]
    [InlineData("mkdir d; Get-SifDescriptor a.sif 1 | Export-SifObject -Destination d", "d/bootstrap.def")]
    [InlineData("Export-SifObject a.sif 1 there -Force", "there")]
    public void An_object_becomes_a_file(string command, string file)
    {
        _session.Run(command);
        Assert.Empty(_session.Errors);
        Assert.Equal("Bootstrap: none", File.ReadAllText(_directory[file]));
    }

    [Fact]
    public void Objects_without_a_name_get_one_and_PassThru_tells_it()
    {
        var files = _session.Run("Export-SifObject a.sif 2, 3 -PassThru").Select(f => ((FileInfo)f.BaseObject).Name);
        Assert.Equal(["a.2.squashfs", "a.3.squashfs"], files);
    }

    [Fact]
    public void Bytes_come_in_arrays()
    {
        var chunks = _session.Run("Export-SifObject a.sif 1 -AsByteStream");
        Assert.Equal("Bootstrap: none"u8.ToArray(), Assert.IsType<byte[]>(Assert.Single(chunks).BaseObject));
    }

    [Fact]
    public void The_primary_partition_is_chosen_and_the_overlays_that_no_longer_count_are_named()
    {
        var emitted = Assert.IsAssignableFrom<SifDescriptorInfo>(
            Assert.Single(_session.Run("Set-SifPrimaryPartition a.sif 3 -PassThru")).BaseObject);
        Assert.Equal(SifPartitionType.PrimarySystem, emitted.PartitionType);
        Assert.Empty(_session.Warnings);
        using (var image = SifImage.Open(_directory["a.sif"], TestContext.Current.CancellationToken))
        {
            Assert.Equal(SifArchitecture.Arm64, image.HeaderArchitecture);
            Assert.Equal("FS (Squashfs/System/amd64)", image.Find(2).TypeText);
        }

        Assert.Empty(_session.Run("Get-SifDescriptor a.sif 2 | Set-SifPrimaryPartition"));
        Assert.Empty(_session.Errors);

        SifEditor.Add(_directory["a.sif"], Partition(SifPartitionType.Overlay, SifArchitecture.Amd64, group: 5),
            token: TestContext.Current.CancellationToken);
        _session.Run("Set-SifPrimaryPartition a.sif 3 -WhatIf");
        Assert.Contains("object 5", Assert.Single(_session.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void Space_is_reclaimed_and_the_gain_told()
    {
        _session.Run("Remove-SifObject a.sif 3 -WarningAction Ignore");
        var won = Assert.IsType<SifOptimizationInfo>(Assert.Single(_session.Run("Optimize-SifImage a.sif")).BaseObject);
        Assert.Empty(_session.Errors);
        Assert.Equal(8192, won.ReclaimedBytes);
        Assert.Equal(new FileInfo(_directory["a.sif"]).Length, won.SizeBytes);
        Assert.Equal(1, won.MovedObjects);
    }

    [Theory]
    [InlineData("Add-SifObject $args[0] big -DataType 7")]
    [InlineData("Add-SifObject $args[1] big -DataType 7 -Force")]
    [InlineData("Optimize-SifImage $args[0]")]
    [InlineData("Export-SifObject $args[0] 2 $args[2]")]
    public void A_full_disk_is_said_and_leaves_every_byte(string command)
    {
        using var disk = new SmallDisk(_directory["disk"], 8);
        var noise = new byte[16 << 20];
        new Random(1).NextBytes(noise);
        File.WriteAllBytes(_directory["big"], noise);
        SifNewObject Of(int size) =>
            new() { DataType = SifDataType.Generic, Content = SifContent.FromBytes(noise.AsMemory(0, size)) };
        SifWriter.Create(disk["a.sif"], new SifCreateOptions(), [Of(100_000), Of(4 << 20)],
            token: TestContext.Current.CancellationToken);
        SifEditor.Remove(disk["a.sif"], [1], token: TestContext.Current.CancellationToken);
        SifWriter.Create(disk["full.sif"], new SifCreateOptions { Capacity = 1 }, [Of(100)],
            token: TestContext.Current.CancellationToken);
        var before = (ImageFiles.Digest(disk["a.sif"]), ImageFiles.Digest(disk["full.sif"]), string.Join(' ', disk.Names));

        _session.Run(command, disk["a.sif"], disk["full.sif"], disk["out"]);

        ErrorAssert.Single(_session, ErrorIds.DiskFull, ErrorCategory.ResourceUnavailable);
        Assert.Equal(before, (ImageFiles.Digest(disk["a.sif"]), ImageFiles.Digest(disk["full.sif"]), string.Join(' ', disk.Names)));
    }

    [Fact]
    public void Stopping_an_export_leaves_no_file()
    {
        using (var content = SifContent.Written(6L << 30, (window, _, _) =>
        {
            for (long at = 0; at < window.Length; at += 1 << 22)
                window.Write(at, [1]);
        }))
        {
            SifWriter.Create(_directory["big.sif"], new(),
                [new() { DataType = SifDataType.Generic, Content = content }],
                token: TestContext.Current.CancellationToken);
        }

        _session.RunAndStop("Export-SifObject big.sif 1 out",
            () => Directory.GetFiles(_directory.Path, ".out.*").Length > 0);
        Assert.Empty(Directory.GetFiles(_directory.Path, "*out*"));
    }

    private string Ids(string name)
    {
        using var image = SifImage.Open(_directory[name]);
        return string.Join(' ', image.Objects.Select(o => o.Id));
    }

    private static SifNewObject Partition(SifPartitionType type, SifArchitecture architecture, uint group = 1) => new()
    {
        DataType = SifDataType.Partition,
        Content = SifContent.FromBytes(new byte[8192]),
        GroupId = group,
        Metadata = new SifPartitionMetadata(SifFileSystem.Squashfs, type, architecture),
    };

    private void MakeImage(string name, bool signed = false)
    {
        List<SifNewObject> objects =
        [
            new()
            {
                DataType = SifDataType.DefinitionFile,
                Content = SifContent.FromBytes("Bootstrap: none"u8.ToArray()),
                Name = "bootstrap.def",
            },
            Partition(SifPartitionType.PrimarySystem, SifArchitecture.Amd64),
            Partition(SifPartitionType.System, SifArchitecture.Arm64),
            new()
            {
                DataType = SifDataType.Generic,
                Content = SifContent.FromBytes(new byte[5000]),
                Name = "notes",
                LinkedId = 3,
            },
        ];
        if (signed)
        {
            objects.Add(new SifNewObject
            {
                DataType = SifDataType.Signature,
                Content = SifContent.FromBytes("{}"u8.ToArray()),
                GroupId = null,
                LinkedId = 1,
                LinkedToGroup = true,
                Metadata = new SifSignatureMetadata(SifHashType.Sha256, null),
            });
        }

        SifWriter.Create(_directory[name], new SifCreateOptions(), objects);
    }
}
