using System.Management.Automation;
using OverlayTools.Sif;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests;

public sealed class AddSifObjectTests : IDisposable
{
    private const string Fingerprint = "433FE984155206BD962725E20E8713472A879943";

    private readonly TemporaryDirectory _directory = new();
    private readonly ModuleSession _session;

    public AddSifObjectTests()
    {
        _session = new ModuleSession(_directory.Path);
        ImageFiles.MakeSif(_directory["a.sif"]);
        ImageFiles.MakeSif(_directory["signed.sif"], signed: true);
        SifWriter.Create(_directory["full.sif"], new SifCreateOptions { Capacity = 1 },
            [new() { DataType = SifDataType.Generic, Content = SifContent.FromBytes(new byte[3]) }]);
        File.WriteAllText(_directory["file"], "content");
    }

    public void Dispose()
    {
        _session.Dispose();
        _directory.Dispose();
    }

    [Theory]
    [InlineData("-DataType 1", "Def.FILE")]
    [InlineData("-DataType DefinitionFile", "Def.FILE")]
    [InlineData("-DataType 2", "Env.Vars")]
    [InlineData("-DataType Labels", "JSON.Labels")]
    [InlineData("-DataType 4 -PartFs 4 -PartType 3 -PartArch 1", "FS (Raw/Data/386)")]
    [InlineData("-DataType 5 -SignHash 1 -SignEntity " + Fingerprint, "Signature (SHA-256)")]
    [InlineData("-DataType Signature -HashType Blake2s256", "Signature (BLAKE2s-256)")]
    [InlineData("-DataType 6", "JSON.Generic")]
    [InlineData("-DataType 7", "Generic/Raw")]
    [InlineData("-DataType 8", "Cryptographic Message (Unknown/Unknown)")]
    [InlineData("-DataType 8 -CryptMessageFormat Pem -CryptMessageType RsaOaep", "Cryptographic Message (PEM/RSA-OAEP)")]
    [InlineData("-DataType 8 -MessageFormat 1 -MessageType 256", "Cryptographic Message (OpenPGP/Clear Signature)")]
    [InlineData("-DataType 9 -SbomFormat cyclonedx-json", "SBOM (cyclonedx-json)")]
    [InlineData("-DataType 9 -SbomFormat github", "SBOM (github-json)")]
    [InlineData("-DataType Sbom -SbomFormat SpdxTagValue", "SBOM (spdx-tag-value)")]
    [InlineData("-DataType 10", "OCI.RootIndex")]
    [InlineData("-DataType OciBlob", "OCI.Blob")]
    public void Every_type_is_added_by_number_and_by_name(string arguments, string type)
    {
        var added = Info(_session.Run($"Add-SifObject a.sif file {arguments} -PassThru"));
        Assert.Empty(_session.Errors);
        Assert.Equal(type, added.Type);
        Assert.Equal(2u, added.Id);
        Assert.Equal("", added.Name);
        Assert.Equal(added.DataType == SifDataType.Signature ? null : 1u, added.GroupId);
        Assert.Equal("content"u8.ToArray(), Data("a.sif", 2));
    }

    [Fact]
    public void Each_type_is_an_object_of_its_own()
    {
        _session.Run("Add-SifObject a.sif file -DataType 5 -SignHash 2");
        _session.Run("Add-SifObject a.sif file -DataType 8 -MessageFormat Pem -MessageType RsaOaep");
        _session.Run("Add-SifObject a.sif file -DataType 9 -SbomFormat spdx-json");
        _session.Run("Add-SifObject a.sif file -DataType 11");
        var found = _session.Run("Get-SifDescriptor a.sif").Select(o => o.BaseObject).ToList();

        Assert.IsType<SifPartitionInfo>(found[0]);
        Assert.Equal(SifHashType.Sha384, Assert.IsType<SifSignatureObjectInfo>(found[1]).HashType);
        var message = Assert.IsType<SifMessageInfo>(found[2]);
        Assert.Equal((SifMessageFormat.Pem, SifMessageType.RsaOaep), (message.MessageFormat, message.MessageType));
        Assert.Equal(SifSbomFormat.SpdxJson, Assert.IsType<SifSbomInfo>(found[3]).SbomFormat);
        Assert.StartsWith("sha256:", Assert.IsType<SifOciObjectInfo>(found[4]).Digest, StringComparison.Ordinal);
        Assert.Empty(_session.Errors);
    }

    [Fact]
    public void What_siftool_is_told_is_stored_as_siftool_stores_it()
    {
        Machine.NeedTool("siftool");
        File.Copy(_directory["a.sif"], _directory["b.sif"]);
        _session.Run("Add-SifObject a.sif file -DataType 9 -SbomFormat spdx-json -GroupId 3 -Link 1 -Alignment 512 -FileName name");
        Machine.Run("siftool", "add", _directory["b.sif"], _directory["file"], "--datatype", "9", "--sbomformat",
            "spdx-json", "--groupid", "3", "--link", "1", "--alignment", "512", "--filename", "name");
        byte[] ours = File.ReadAllBytes(_directory["a.sif"]), theirs = File.ReadAllBytes(_directory["b.sif"]);
        foreach (var bytes in new[] { ours, theirs })
        {
            bytes.AsSpan(72, 8).Clear();
            bytes.AsSpan(4096 + 585 + 41, 16).Clear();
        }

        Assert.Equal(theirs, ours);
    }

    [Theory]
    [InlineData("[byte[]](1, 2, 3) | Add-SifObject a.sif -DataType 7", "010203")]
    [InlineData("1, 2, 3 | ForEach-Object { [byte]$_ } | Add-SifObject -Path a.sif -DataType 7", "010203")]
    [InlineData(", [byte[]](1, 2, 3) | Add-SifObject -LiteralPath a.sif -DataType 7", "010203")]
    [InlineData("'ab', 'c' | Add-SifObject a.sif -DataType 7", "61620A630A")]
    [InlineData("Add-SifObject a.sif -InputObject ([byte[]](9, 8)) -DataType 7", "0908")]
    [InlineData(",[byte[]]::new(0) | Add-SifObject a.sif -DataType 7", "")]
    [InlineData("'a.sif' | Add-SifObject -InputPath file -DataType 7", "636F6E74656E74")]
    [InlineData("Get-SifDescriptor a.sif 1 | Add-SifObject -InputPath file -DataType 7", "636F6E74656E74")]
    public void Content_comes_from_a_file_or_from_the_pipeline(string command, string hex)
    {
        Assert.Empty(_session.Run(command));
        Assert.Empty(_session.Errors);
        Assert.Equal(hex, Convert.ToHexString(Data("a.sif", 2)));
    }

    [Fact]
    public void What_is_exported_can_be_added_elsewhere()
    {
        _session.Run("Export-SifObject a.sif 1 -AsByteStream | Add-SifObject full.sif -DataType 7 -Force");
        Assert.Empty(_session.Errors);
        Assert.Equal(new byte[4096], Data("full.sif", 2));
    }

    [Theory]
    [InlineData("Add-SifObject full.sif file -DataType 7")]
    [InlineData("Add-SifPartition full.sif file -FileSystem Raw")]
    public void A_full_table_grows_by_force(string command)
    {
        _session.Run(command);
        ErrorAssert.Single(_session, ErrorIds.SifNoFreeDescriptor, ErrorCategory.LimitsExceeded);
        _session.Run(command + " -Force");
        Assert.Empty(_session.Errors);
        Assert.Equal("content"u8.ToArray(), Data("full.sif", 2));
        if (Machine.FindTool("siftool") is not null)
            Assert.Equal("content", Machine.Run("siftool", "dump", "2", _directory["full.sif"]).Output);
    }

    [Fact]
    public void A_link_is_to_an_object_or_to_a_group()
    {
        Assert.True(Info(_session.Run("Add-SifObject a.sif file -DataType 7 -LinkedId 1 -LinkedToGroup -PassThru")).LinkedToGroup);
        Assert.True(Info(_session.Run("Add-SifObject a.sif file -DataType 7 -Link 4026531841 -PassThru")).LinkedToGroup);
        Assert.Empty(_session.Warnings);
        _session.Run("Add-SifObject a.sif file -DataType 7 -LinkedId 9 -LinkedToGroup");
        Assert.Contains("no group 9", Assert.Single(_session.Warnings), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Add-SifObject a.sif file -DataType 9", ErrorIds.SifInvalidValue, ErrorCategory.InvalidArgument)]
    [InlineData("Add-SifObject a.sif file -DataType 5", ErrorIds.SifInvalidValue, ErrorCategory.InvalidArgument)]
    [InlineData("Add-SifObject a.sif file -DataType 5 -HashType 1 -Fingerprint 00", ErrorIds.SifInvalidValue,
        ErrorCategory.InvalidArgument)]
    [InlineData("Add-SifObject a.sif file -DataType 7 -SbomFormat github", ErrorIds.OptionConflict,
        ErrorCategory.InvalidArgument)]
    [InlineData("Add-SifObject a.sif file -DataType 0", ErrorIds.SifInvalidValue, ErrorCategory.InvalidArgument)]
    [InlineData("Add-SifObject a.sif none -DataType 7", ErrorIds.OverlayFileNotFound, ErrorCategory.ObjectNotFound)]
    [InlineData("Add-SifObject signed.sif file -DataType 7", ErrorIds.SifSigned, ErrorCategory.SecurityError)]
    [InlineData("'x', 1.5 | Add-SifObject a.sif -DataType 7", ErrorIds.SifInvalidValue, ErrorCategory.InvalidArgument)]
    [InlineData("'x' | Add-SifObject -DataType 7", ErrorIds.OptionConflict, ErrorCategory.InvalidArgument)]
    public void A_failure_has_its_id_its_category_and_what_to_do(string command, string id, ErrorCategory category)
    {
        string[] files = ["a.sif", "signed.sif"];
        var before = files.Select(name => ImageFiles.Digest(_directory[name])).ToList();
        Assert.Empty(_session.Run(command));
        ErrorAssert.Single(_session, id, category);
        Assert.Equal(before, files.Select(name => ImageFiles.Digest(_directory[name])));
    }

    [Fact]
    public void WhatIf_changes_nothing()
    {
        var before = ImageFiles.Digest(_directory["a.sif"]);
        Assert.Empty(_session.Run("'x' | Add-SifObject a.sif -DataType 7 -WhatIf -PassThru"));
        Assert.Equal(before, ImageFiles.Digest(_directory["a.sif"]));
    }

    private static SifDescriptorInfo Info(IReadOnlyList<PSObject> emitted) =>
        Assert.IsAssignableFrom<SifDescriptorInfo>(Assert.Single(emitted).BaseObject);

    private byte[] Data(string name, uint id)
    {
        using var image = SifImage.Open(_directory[name]);
        var found = image.Find(id);
        var data = new byte[found.SizeBytes];
        found.OpenData().Read(0, data);
        return data;
    }
}
