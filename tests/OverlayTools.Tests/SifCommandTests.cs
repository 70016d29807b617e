using System.Management.Automation;
using System.Security.Cryptography;
using OverlayTools.Sif;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests;

public sealed class SifCommandTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly ModuleSession _session;

    public SifCommandTests()
    {
        _session = new ModuleSession(_directory.Path);
        MakeImage("a.sif", group: 1);
        var ext3 = new byte[8192];
        ext3[1080] = 0x53;
        ext3[1081] = 0xEF;
        File.WriteAllBytes(_directory["overlay.img"], ext3);
        File.WriteAllBytes(_directory["root.squashfs"], [.. "hsqs"u8, .. new byte[4092]]);
        File.WriteAllText(_directory["text"], "neither");
    }

    public void Dispose()
    {
        _session.Dispose();
        _directory.Dispose();
    }

    [Theory]
    [InlineData("Add-SifPartition a.sif overlay.img -DataType 4 -PartFs 2 -PartType 4 -PartArch 2 -GroupId 1")]
    [InlineData("Add-SifPartition a.sif overlay.img -FileSystem Ext3 -PartitionType Overlay -Architecture amd64")]
    [InlineData("Add-SifPartition -Path a.sif -Source overlay.img -DataType Partition -PartArch Amd64")]
    [InlineData("'a.sif' | Add-SifPartition -InputPath overlay.img -Architecture '2'")]
    public void The_old_numbers_and_the_new_names_add_the_same_partition(string command)
    {
        Assert.Empty(_session.Run(command));
        Assert.Empty(_session.Errors);
        Assert.Empty(_session.Warnings);

        using var image = SifImage.Open(_directory["a.sif"], TestContext.Current.CancellationToken);
        Assert.Equal("FS (Ext3/Overlay/amd64)", image.Objects[2].TypeText);
        Assert.Equal(1u, image.Objects[2].GroupId);
        Assert.Equal("", image.Objects[2].Name);
        Assert.Equal(0, image.Objects[2].Offset % 4096);
    }

    [Theory]
    [InlineData("386", SifArchitecture.I386)]
    [InlineData("'386'", SifArchitecture.I386)]
    [InlineData("1", SifArchitecture.I386)]
    [InlineData("riscv64", SifArchitecture.Riscv64)]
    [InlineData("13", SifArchitecture.Loong64)]
    public void An_architecture_is_a_number_of_siftool_or_a_name_that_it_shows(string argument,
        SifArchitecture expected)
    {
        var added = Info(_session.Run($"Add-SifPartition a.sif overlay.img -PartArch {argument} -PassThru"));

        Assert.Equal(expected, added.Architecture);
    }

    [Fact]
    public void What_is_left_out_comes_from_the_file_and_the_primary_partition()
    {
        MakeImage("arm.sif", group: 7, SifArchitecture.Arm64);
        var added = Info(_session.Run("Add-SifPartition arm.sif root.squashfs -PassThru"));

        Assert.Equal("FS (Squashfs/Overlay/arm64)", added.Type);
        Assert.Equal(7u, added.GroupId);

        SifWriter.Create(_directory["empty.sif"], new SifCreateOptions(), [],
            token: TestContext.Current.CancellationToken);
        added = Info(_session.Run("Add-SifPartition empty.sif overlay.img -PassThru"));
        Assert.Equal(SifArchitectures.Host, added.Architecture);
        Assert.Equal(1u, added.GroupId);
    }

    [Fact]
    public void Name_link_alignment_and_group_are_stored()
    {
        var added = Info(_session.Run(
            "Add-SifPartition a.sif overlay.img -PartType Data -FileName d.img -Link 2 -Alignment 65536 -GroupId 0 "
            + "-PassThru"));

        Assert.Equal("d.img", added.Name);
        Assert.Equal(2u, added.LinkedId);
        Assert.Equal(0, added.Offset % 65536);
        Assert.Null(added.GroupId);
        Assert.Empty(_session.Warnings);
    }

    [Theory]
    [InlineData("-GroupId 2", "its group is 2, that of the root file system 1")]
    [InlineData("-GroupId 0", "its group is none, that of the root file system 1")]
    [InlineData("-FileSystem Squashfs", "does not look like Squashfs")]
    [InlineData("-LinkedId 9", "has no object 9")]
    public void What_will_not_work_is_warned_of(string arguments, string warning)
    {
        _session.Run($"Add-SifPartition a.sif overlay.img {arguments}");

        Assert.Empty(_session.Errors);
        Assert.Contains(warning, Assert.Single(_session.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void WhatIf_changes_nothing()
    {
        var before = SHA256.HashData(File.ReadAllBytes(_directory["a.sif"]));

        Assert.Empty(_session.Run("Add-SifPartition a.sif overlay.img -PassThru -WhatIf"));
        Assert.Equal(before, SHA256.HashData(File.ReadAllBytes(_directory["a.sif"])));
    }

    [Theory]
    [InlineData("Add-SifPartition a.sif text", ErrorIds.ImageNotRecognized, ErrorCategory.InvalidData)]
    [InlineData("Add-SifPartition text overlay.img", ErrorIds.SifBadMagic, ErrorCategory.InvalidData)]
    [InlineData("Add-SifPartition none.sif overlay.img", ErrorIds.OverlayFileNotFound, ErrorCategory.ObjectNotFound)]
    [InlineData("Add-SifPartition a.sif none.img", ErrorIds.OverlayFileNotFound, ErrorCategory.ObjectNotFound)]
    [InlineData("Add-SifPartition a.sif overlay.img -PartType PrimarySystem", ErrorIds.SifPrimaryPartitionExists,
        ErrorCategory.ResourceExists)]
    [InlineData("Add-SifPartition a.sif overlay.img -GroupId 268435456", ErrorIds.SifInvalidValue,
        ErrorCategory.InvalidArgument)]
    [InlineData("Add-SifPartition a.sif overlay.img -PartFs 0", ErrorIds.SifInvalidValue,
        ErrorCategory.InvalidArgument)]
    [InlineData("Add-SifPartition signed.sif overlay.img", ErrorIds.SifSigned, ErrorCategory.SecurityError)]
    [InlineData("Add-SifPartition full.sif overlay.img", ErrorIds.SifNoFreeDescriptor, ErrorCategory.LimitsExceeded)]
    [InlineData("Get-SifDescriptor text", ErrorIds.SifBadMagic, ErrorCategory.InvalidData)]
    [InlineData("Get-SifDescriptor none.sif", ErrorIds.OverlayFileNotFound, ErrorCategory.ObjectNotFound)]
    [InlineData("Get-SifDescriptor a.sif 77", ErrorIds.SifDescriptorNotFound, ErrorCategory.ObjectNotFound)]
    [InlineData("Get-SifDescriptor cut.sif", ErrorIds.SifCorrupt, ErrorCategory.InvalidData)]
    public void A_failure_has_its_id_its_category_and_what_to_do(string command, string id, ErrorCategory category)
    {
        MakeImage("signed.sif", group: 1, signed: true);
        SifWriter.Create(_directory["full.sif"], new SifCreateOptions { Capacity = 0 }, [],
            token: TestContext.Current.CancellationToken);
        File.WriteAllBytes(_directory["cut.sif"], File.ReadAllBytes(_directory["a.sif"])[..5000]);
        var before = SHA256.HashData(File.ReadAllBytes(_directory["a.sif"]));

        _session.Run(command);

        var error = Assert.Single(_session.Errors);
        Assert.StartsWith(id + ",", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Equal(category, error.CategoryInfo.Category);
        Assert.NotEmpty(error.ErrorDetails.RecommendedAction);
        Assert.NotNull(error.TargetObject);
        Assert.Equal(before, SHA256.HashData(File.ReadAllBytes(_directory["a.sif"])));
    }

    [Fact]
    public void Another_data_type_is_refused_before_anything_happens()
    {
        _session.Run("Add-SifPartition a.sif overlay.img -DataType 7");

        Assert.StartsWith("ParameterArgumentValidationError", Assert.Single(_session.Errors).FullyQualifiedErrorId,
            StringComparison.Ordinal);
        Assert.Equal(2, _session.Run("Get-SifDescriptor a.sif").Count);
    }

    [Fact]
    public void One_bad_image_does_not_keep_the_others_from_being_listed()
    {
        MakeImage("b.sif", group: 1);
        var ids = _session.Run("'a.sif', 'text', 'b.sif' | Get-SifDescriptor").Select(found => Info([found]).Path);

        Assert.Single(_session.Errors);
        Assert.Equal(["a.sif", "a.sif", "b.sif", "b.sif"], ids.Select(Path.GetFileName));
    }

    [Theory]
    [InlineData("Get-SifDescriptor a.sif -Id 2", "2")]
    [InlineData("Get-SifDescriptor a.sif 2, 1", "1 2")]
    [InlineData("Get-SifDescriptor a.sif -DataType Partition", "2")]
    [InlineData("Get-SifDescriptor a.sif -DataType 1, 4", "1 2")]
    [InlineData("Get-SifDescriptor a.sif -PartitionType PrimarySystem, 4", "2")]
    [InlineData("Get-SifDescriptor a.sif -PartitionType Overlay", "")]
    [InlineData("Get-SifDescriptor a.sif -GroupId 1", "2")]
    [InlineData("Get-SifDescriptor a.sif -GroupId 0", "1")]
    [InlineData("Get-SifDescriptor a.sif -Name BOOT*", "1")]
    [InlineData("Get-SifDescriptor *.sif", "1 2")]
    [InlineData("Get-SifDescriptor -LiteralPath a.sif", "1 2")]
    [InlineData("Get-SifDescriptor a.sif -DataType Partition | Get-SifDescriptor", "2")]
    public void Objects_are_chosen_by_what_they_are(string command, string ids)
    {
        Assert.Equal(ids, string.Join(' ', _session.Run(command).Select(found => Info([found]).Id)));
        Assert.Empty(_session.Errors);
    }

    [Fact]
    public void A_path_with_brackets_is_taken_literally_where_it_says_so()
    {
        MakeImage("[1].sif", group: 1);

        Assert.Equal(2, _session.Run("Get-SifDescriptor -LiteralPath '[1].sif'").Count);
    }

    [Fact]
    public void A_damaged_object_is_listed_and_says_why()
    {
        var bytes = File.ReadAllBytes(_directory["a.sif"]);
        bytes.AsSpan(4096 + 25, 8).Fill(0xFF);
        File.WriteAllBytes(_directory["a.sif"], bytes);
        var found = _session.Run("Get-SifDescriptor a.sif").Select(o => Info([o])).ToList();

        Assert.Contains("Size (offset 4121) is -1", found[0].Fault, StringComparison.Ordinal);
        Assert.Null(found[1].Fault);
    }

    [Fact]
    public void Ids_are_completed_with_what_they_are()
    {
        var offered = _session.Complete("Get-SifDescriptor a.sif -Id ");

        Assert.Equal(["1", "2"], offered.Select(o => o.CompletionText));
        Assert.Equal("FS (Squashfs/*System/amd64), 4 KiB", offered[1].ToolTip);
        Assert.Equal("Def.FILE, 4 B, bootstrap.def", offered[0].ToolTip);
        Assert.DoesNotContain("1", _session.Complete("Get-SifDescriptor none.sif -Id ").Select(o => o.CompletionText));
    }

    private static SifDescriptorInfo Info(IReadOnlyList<PSObject> emitted) =>
        Assert.IsAssignableFrom<SifDescriptorInfo>(Assert.Single(emitted).BaseObject);

    private void MakeImage(string name, uint group, SifArchitecture architecture = SifArchitecture.Amd64,
        bool signed = false)
    {
        List<SifNewObject> objects =
        [
            new()
            {
                DataType = SifDataType.DefinitionFile,
                Content = SifContent.FromBytes("From"u8.ToArray()),
                Name = "bootstrap.def",
                GroupId = signed ? 1 : null,
            },
            new()
            {
                DataType = SifDataType.Partition,
                Content = SifContent.FromBytes(new byte[4096]),
                GroupId = group,
                Metadata = new SifPartitionMetadata(SifFileSystem.Squashfs, SifPartitionType.PrimarySystem,
                    architecture),
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
