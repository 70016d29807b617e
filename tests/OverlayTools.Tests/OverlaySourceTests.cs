using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.Overlays;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests;

/// <summary>New-OverlayImage -Source and Measure-OverlaySource, as they are typed.</summary>
public sealed class OverlaySourceTests : IDisposable
{
    private const long MiB = 1 << 20;

    private readonly TemporaryDirectory _directory = new();
    private readonly ModuleSession _session;

    public OverlaySourceTests()
    {
        _session = new ModuleSession(_directory.Path);
        var source = Directory.CreateDirectory(_directory["source"] + "/etc/deep").Parent!.Parent!.FullName;
        File.WriteAllText(source + "/etc/file", "content");
        File.WriteAllText(source + "/etc/deep/other", new string('o', 5000));
        File.CreateSymbolicLink(source + "/link", "etc/file");
        File.WriteAllBytes(source + "/large", new byte[300_000]);
        Sh("ln source/large source/again; chmod 750 source/etc; tar -C source --format=pax -cf source.tar . && gzip -k source.tar");
    }

    public void Dispose()
    {
        _session.Dispose();
        _directory.Dispose();
    }

    [Theory]
    [InlineData("source")]
    [InlineData("source.tar")]
    [InlineData("source.tar.gz")]
    public void The_content_of_a_directory_or_an_archive_is_below_upper(string source)
    {
        var made = Assert.IsType<OverlayImage>(Assert.Single(_session.Run($"New-OverlayImage o.img -Source {source} -CreateDirectory /etc/made")).BaseObject);
        Assert.Empty(_session.Errors);
        Assert.Equal(OverlayCreation.LeastSizeBytes, made.SizeBytes);
        ImageFiles.AssertClean(made.Path);
        Read(made.Path, fs =>
        {
            using var reader = new StreamReader(fs.OpenFile(fs.Find("/upper/etc/file")!.Value));
            Assert.Equal("content", reader.ReadToEnd());
            Assert.Equal(fs.Find("/upper/large"), fs.Find("/upper/again"));
            Assert.Equal("etc/file"u8.ToArray(), fs.ReadLink(fs.Find("/upper/link")!.Value));
            Assert.Equal(0b111_101_000u, fs.ReadInode(fs.Find("/upper/etc")!.Value).Permissions);
            Assert.Equal(0b111_101_101u, fs.ReadInode(fs.Find("/upper")!.Value).Permissions);
            Assert.NotNull(fs.Find("/upper/etc/made"));
            Assert.NotNull(fs.Find("/work"));
        });
        Assert.DoesNotContain(ImageFiles.Names(_directory), name => name.EndsWith(".tmp", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("", 4321u, 0u)]
    [InlineData("-FakeRoot", 0u, 0u)]
    [InlineData("-Owner 7:8", 7u, 7u)]
    public void Files_keep_their_owners_unless_another_is_asked_for(string options, uint file, uint upper)
    {
        Machine.NeedRoot();
        Sh("chown 4321:4321 source/etc/file; chown 99 source");
        _session.Run($"New-OverlayImage o.img -Source source {options}");
        Assert.Empty(_session.Errors);
        Read(_directory["o.img"], fs =>
        {
            Assert.Equal(file, fs.ReadInode(fs.Find("/upper/etc/file")!.Value).UserId);
            Assert.Equal(upper, fs.ReadInode(fs.Find("/upper")!.Value).UserId);
        });
    }

    [Fact]
    public void An_overlay_in_a_SIF_image_gets_content_too()
    {
        ImageFiles.MakeSif(_directory["c.sif"]);
        var made = Assert.IsType<OverlayImage>(Assert.Single(_session.Run("New-OverlayImage c.sif -Source source.tar")).BaseObject);
        Assert.Empty(_session.Errors);
        Assert.True(made.InodeCount - made.FreeInodeCount > 15);
        ImageFiles.AssertClean(made.Path, made.Id!.Value);
    }

    [Fact]
    public void The_measured_size_is_enough_and_clearly_less_is_not()
    {
        File.WriteAllBytes(_directory["source/big"], new byte[90 * MiB]);
        var many = Directory.CreateDirectory(_directory["source/many"]).FullName;
        for (var i = 0; i < 6000; i++)
            File.WriteAllText($"{many}/{i}", "x");
        var measure = Measure("Measure-OverlaySource source");
        Assert.Equal((6000 + 5, 3), (measure.FileCount, measure.DirectoryCount));
        Assert.Equal(90 * MiB + 300_000 + 7 + 5000 + 6000, measure.ContentBytes);
        Assert.Equal(("big", 90 * MiB), (measure.LargestFile, measure.LargestFileBytes));
        Assert.InRange(measure.SizeBytes, 95 * MiB, 130 * MiB);
        Assert.True(measure.SuggestedSizeBytes > measure.SizeBytes);

        _session.Run($"New-OverlayImage least.img {measure.SizeBytes} -Source source");
        Assert.Empty(_session.Errors);
        ImageFiles.AssertClean(_directory["least.img"]);
        Read(_directory["least.img"], fs => Assert.Equal(measure.InodeCount, fs.Superblock.InodesCount - fs.Superblock.FreeInodesCount));

        Assert.Empty(_session.Run($"New-OverlayImage less.img {measure.SizeBytes - 2 * MiB} -Source source"));
        var error = Assert.Single(_session.Errors);
        Assert.StartsWith(ErrorIds.OverlayFull, error.FullyQualifiedErrorId);
        Assert.Contains($"needs an image of {measure.SizeBytes} bytes", error.Exception.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(_directory["less.img"]));

        var image = Assert.IsType<OverlayImage>(Assert.Single(_session.Run("New-OverlayImage room.img -Source source")).BaseObject);
        Assert.Equal(measure.SuggestedSizeBytes, image.SizeBytes);
        Assert.True(image.FreeBytes >= 32 * MiB, $"{image.FreeBytes} bytes are free");
    }

    [Fact]
    public void An_archive_measures_as_the_directory_that_it_was_made_of()
    {
        var directory = Measure("Measure-OverlaySource source");
        var archive = Measure("Measure-OverlaySource -LiteralPath source.tar");
        Assert.True(archive.IsArchive);
        Assert.Equal(directory with { Path = archive.Path, IsArchive = true }, archive);
        Assert.Equal(3, _session.Run("Measure-OverlaySource s*").Count);
        Assert.Equal(2, _session.Run(
            "'source', 'source.tar.gz' | ForEach-Object { [pscustomobject]@{ FullName = \"$PWD/$_\" } } | Measure-OverlaySource").Count);
        Assert.Empty(_session.Errors);
    }

    [Fact]
    public void Many_small_files_bring_a_finer_ratio_and_an_image_with_enough_inodes()
    {
        var many = Directory.CreateDirectory(_directory["source/many"]).FullName;
        Sh($"cd '{many}' && seq 1 20000 | xargs touch");
        var measure = Measure("Measure-OverlaySource source");
        Assert.Equal(2048, measure.BytesPerInode);
        var image = Assert.IsType<OverlayImage>(Assert.Single(_session.Run(
            $"New-OverlayImage o.img -Source source -SizeBytes 64MB -BytesPerInode {measure.BytesPerInode}")).BaseObject);
        Assert.True(image.FreeInodeCount > 1000);
    }

    [Fact]
    public void Failures_name_their_cause_and_leave_nothing()
    {
        Sh("mkdir w && cd w && ln -s /etc a && tar -cf ../evil.tar a && rm a && mkdir a && touch a/passwd && tar -rf ../evil.tar a/passwd; printf '\\375\\067\\172\\130\\132\\000rest' > ../source.tar.xz; mkfifo ../pipe");
        File.WriteAllText(_directory["text"], new string('x', 700));
        File.WriteAllText(_directory["empty"], "");
        foreach (var (script, id) in new[]
        {
            ("New-OverlayImage o.img -Source none", ErrorIds.OverlayFileNotFound),
            ("New-OverlayImage o.img -Source evil.tar", ErrorIds.TarMemberRefused),
            ("Measure-OverlaySource evil.tar", ErrorIds.TarMemberRefused),
            ("Measure-OverlaySource text", ErrorIds.TarCorrupt),
            ("Measure-OverlaySource empty", ErrorIds.TarCorrupt),
            ("Measure-OverlaySource source.tar.xz", ErrorIds.TarUnsupported),
            ("New-OverlayImage o.img -Source source -CreateDirectory /large/below", ErrorIds.InvalidDirectoryName),
            ("Measure-OverlaySource none", ErrorIds.OverlayFileNotFound),
            ("Measure-OverlaySource pipe", ErrorIds.OverlayWrongFileType),
            ("New-OverlayImage o.img -Source pipe", ErrorIds.OverlayWrongFileType),
        })
        {
            Assert.Empty(_session.Run(script));
            Assert.StartsWith(id, Assert.Single(_session.Errors).FullyQualifiedErrorId);
        }

        Assert.Empty(_session.Run("New-OverlayImage o.img -Source source -WhatIf"));
        Assert.DoesNotContain(ImageFiles.Names(_directory), name => name.StartsWith('.') || name.StartsWith("o.img", StringComparison.Ordinal));
    }

    private OverlaySourceMeasure Measure(string script)
    {
        var found = Assert.IsType<OverlaySourceMeasure>(Assert.Single(_session.Run(script)).BaseObject);
        Assert.Empty(_session.Errors);
        return found;
    }

    private void Sh(string script)
    {
        var (exitCode, output, error) = Machine.RunWith("sh", ["-c", script], null, _directory.Path);
        Assert.True(exitCode == 0, output + error);
    }

    private static void Read(string path, Action<ExtFileSystem> look)
    {
        using var file = File.OpenHandle(path);
        look(ExtFileSystem.Open(new FileWindow(file)));
    }
}
