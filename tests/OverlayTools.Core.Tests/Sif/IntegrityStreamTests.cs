using System.Text;
using OverlayTools.Sif;
using static OverlayTools.Core.Tests.Sif.Samples;

namespace OverlayTools.Core.Tests.Sif;

/// <summary>What a signature covers, bit for bit as the reference implementation has it (specification, R34 and
/// R35).</summary>
public sealed class IntegrityStreamTests
{
    private const string DescriptorBase = "846b9d43e1d9b4c4";
    private const string HeaderBase = "a18d8228cd6f87e7";

    [Theory]
    [InlineData("base", DescriptorBase)]
    [InlineData("ID", DescriptorBase)]
    [InlineData("GroupID", DescriptorBase)]
    [InlineData("Offset", DescriptorBase)]
    [InlineData("SizeWithPadding", DescriptorBase)]
    [InlineData("ModifiedAt", DescriptorBase)]
    [InlineData("DataType", "14d61e18ee812e37")]
    [InlineData("Used", "31eea3ab2a84fe35")]
    [InlineData("RelativeID", "b7bdebd8ef3d9dd5")]
    [InlineData("LinkedID", "273b9f34c7df6e64")]
    [InlineData("Size", "f391109f34aa8d01")]
    [InlineData("CreatedAt", "5975ee137f7c3967")]
    [InlineData("UID", "64c7dd8cd65b4e47")]
    [InlineData("GID", "37ca2c6e21d44ab9")]
    [InlineData("Name", "81e29cdb0d16d55e")]
    [InlineData("Extra", "3552be0c23070835")]
    public void Of_a_descriptor(string changed, string hash)
    {
        byte[] name = new byte[SifDescriptor.NameSize], extra = new byte[SifDescriptor.ExtraSize];
        "GOOD_NAME"u8.CopyTo(name);
        "GOOD_EXTRA"u8.CopyTo(extra);
        if (changed == "Name")
            "BAD_NAME"u8.CopyTo(name);
        if (changed == "Extra")
            "BAD_EXTRA"u8.CopyTo(extra);
        var descriptor = new SifDescriptor
        {
            DataType = changed == "DataType" ? 0x4002 : 0x4001,
            Used = (byte)(changed == "Used" ? 0 : 1),
            Id = 1 + One("ID"),
            GroupId = SifDescriptor.GroupMask | (1 + One("GroupID")),
            LinkedId = One("LinkedID"),
            Offset = One("Offset"),
            DataSize = One("Size"),
            SizeWithPadding = One("SizeWithPadding"),
            CreatedAt = 1504657553 + One("CreatedAt"),
            ModifiedAt = 1504657553 + One("ModifiedAt"),
            Uid = One("UID"),
            Gid = One("GID"),
            Name = name,
            Extra = extra,
        };
        var stream = new byte[SifDescriptor.IntegritySize];
        descriptor.WriteIntegrityStream(stream, One("RelativeID"));

        Assert.StartsWith(hash, Hash(stream));

        uint One(string field) => changed == field ? 1u : 0u;
    }

    [Theory]
    [InlineData("base", HeaderBase)]
    [InlineData("Arch", HeaderBase)]
    [InlineData("Numbers", HeaderBase)]
    [InlineData("LaunchScript", "761ab8d9bf54e6e9")]
    [InlineData("Magic", "615fb4e84ef3ef67")]
    [InlineData("Version", "bcc37f805cc45c8d")]
    [InlineData("ID", "f5ff02ce66ab99be")]
    public void Of_a_header(string changed, string hash)
    {
        var script = new byte[SifHeader.LaunchScriptSize];
        "#!/usr/bin/env run-singularity\n"u8.CopyTo(script);
        if (changed == "LaunchScript")
            "#!/usr/bin/env rm\n"u8.CopyTo(script);
        var magic = Encoding.ASCII.GetBytes(changed == "Magic" ? "BAD_MAGIC\0" : "SIF_MAGIC\0");
        var number = changed == "Numbers" ? 7 : 0;
        var header = new SifHeader
        {
            LaunchScript = script,
            Magic = magic,
            Version = Encoding.ASCII.GetBytes(changed == "Version" ? "02\0" : "01\0"),
            Arch = Encoding.ASCII.GetBytes(changed == "Arch" ? "11\0" : "02\0"),
            Id = new Guid(changed == "ID" ? "b3659d4e-bd50-4ea5-bd17-eec5e54f918e" : "b2659d4e-bd50-4ea5-bd17-eec5e54f918e"),
            CreatedAt = number,
            ModifiedAt = number,
            DescriptorsFree = number,
            DescriptorsTotal = number,
            DescriptorsOffset = number,
            DescriptorsSize = number,
            DataOffset = number,
            DataSize = number,
        };
        var stream = new byte[SifHeader.IntegritySize];
        header.WriteIntegrityStream(stream);

        Assert.StartsWith(hash, Hash(stream));
    }
}
