using System.Management.Automation;
using System.Xml.Linq;
using OverlayTools.Drawing;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests;

/// <summary>Show-SifLayout and Show-OverlayUsage, and sizes as people write them.</summary>
public sealed class DrawingTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new TemporaryDirectory().OpenToAll();
    private readonly ModuleSession _session;

    public DrawingTests()
    {
        _session = new ModuleSession(_directory.Path);
        Directory.CreateDirectory(_directory["source"]);
        File.WriteAllBytes(_directory["source/large"], new byte[20 << 20].Select((_, i) => (byte)(i | 1)).ToArray());
        File.WriteAllText(_directory["note"], "a note");
        _session.Run("New-OverlayImage a.img 64MB -Source source; $null = New-SifImage 'c & d.sif' source; $null = Add-SifPartition 'c & d.sif' a.img; $null = Add-SifObject 'c & d.sif' note -DataType Generic");
        Assert.Empty(_session.Errors);
    }

    public void Dispose()
    {
        _session.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public void A_usage_map_agrees_with_dumpe2fs()
    {
        Machine.NeedTool("dumpe2fs");
        var map = (OverlayUsageMap)Assert.Single(_session.Run("Show-OverlayUsage a.img")).BaseObject;
        var dump = Machine.Run("dumpe2fs", "-h", _directory["a.img"]).Output;
        var (blocks, free, size) = (Field(dump, "Block count"), Field(dump, "Free blocks"), Field(dump, "Block size"));
        Assert.Equal(free * size, map.Usage.FreeBytes);
        Assert.Equal(blocks * size, map.Usage.SizeBytes);
        Assert.Equal(Field(dump, "Total journal blocks") * size, map.Usage.JournalBytes);
        // The journal's indirect blocks are counted with the files.
        Assert.InRange(map.Usage.FileBytes, 20 << 20, 21 << 20);
        Assert.Equal(map.Usage.SizeBytes, map.Usage.MetadataBytes + map.Usage.JournalBytes + map.Usage.FileBytes + map.Usage.FreeBytes);
        Assert.Equal(map.Usage.SizeBytes, map.Usage.Parts.Sum(part => part.SizeBytes));
    }

    [Fact]
    public void What_lies_inside_an_object_is_text_that_people_read()
    {
        Assert.StartsWith($"{_directory["a.img"]}: ", Assert.Single(_session.Lines("\"$((Show-OverlayUsage a.img).Usage)\"")),
            StringComparison.Ordinal);
        Assert.StartsWith("Header: 0-128 Padding: 128-4096 Table: 4096-32176 ", Assert.Single(_session.Lines("\"$((Show-SifLayout 'c & d.sif').Ranges)\"")),
            StringComparison.Ordinal);
        Assert.Contains("Kernel: Available", Assert.Single(_session.Lines("\"$((Get-ContainerEngine Native).Capabilities)\"")),
            StringComparison.Ordinal);
        Assert.Contains(": squashfs ", Assert.Single(_session.Lines("\"$((Invoke-ContainerWithOverlay 'c & d.sif' -PlanOnly -- x).Layers[0])\"")),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(40)]
    [InlineData(80)]
    [InlineData(300)]
    public void A_drawing_fits_the_terminal_and_says_in_characters_what_it_says_in_colours(int width)
    {
        foreach (var script in new[] { "Show-OverlayUsage a.img", "Show-SifLayout 'c & d.sif'" })
        {
            var plain = Assert.Single(_session.Lines($"({script}).Draw({width}, $false)"));
            var coloured = Assert.Single(_session.Lines($"({script}).Draw({width}, $true)"));
            Assert.DoesNotContain('\u001b', plain);
            Assert.Contains('\u001b', coloured);
            Assert.Equal(plain, System.Text.RegularExpressions.Regex.Replace(coloured, "\u001b\\[[0-9;]*m", string.Empty));
            var picture = plain.Split('\n').Skip(3).TakeWhile(line => line.Trim().Length > 0).ToList();
            Assert.NotEmpty(picture);
            Assert.All(picture, line => Assert.True(line.Length < width, line));
        }
    }

    [Fact]
    public void A_layout_shows_every_object_and_hole()
    {
        _session.Run("Remove-SifObject 'c & d.sif' -Id 2 -Confirm:$false");
        Assert.Empty(_session.Errors);
        var text = Assert.Single(_session.Lines("(Show-SifLayout 'c & d.sif').Draw(80, $false)"));
        Assert.Contains("2 objects, 1 hole (64 MiB)", text, StringComparison.Ordinal);
        Assert.Contains("1 FS (Squashfs/*System", text, StringComparison.Ordinal);
        Assert.Contains("3 Generic/Raw", text, StringComparison.Ordinal);
        var bar = text.Split('\n')[3];
        Assert.Contains("····", bar, StringComparison.Ordinal);
        Assert.Contains('1', bar);
        Assert.Contains('3', bar);
    }

    [Fact]
    public void An_svg_is_well_formed_whatever_the_file_is_called()
    {
        foreach (var script in new[] { "Show-OverlayUsage 'c & d.sif' -AsSvg", "Show-SifLayout 'c & d.sif' -AsSvg" })
        {
            var document = XDocument.Parse(Assert.Single(_session.Lines(script)));
            Assert.Equal("svg", document.Root!.Name.LocalName);
            Assert.Contains("c & d.sif", document.Root.Element(XName.Get("title", "http://www.w3.org/2000/svg"))!.Value, StringComparison.Ordinal);
            Assert.True(document.Descendants(XName.Get("rect", "http://www.w3.org/2000/svg")).Count() > 4);
        }
    }

    [Fact]
    public void What_is_no_image_is_an_error()
    {
        _session.Run("Show-OverlayUsage note");
        ErrorAssert.Single(_session, "OverlayNotExt3", ErrorCategory.InvalidData);
        _session.Run("Show-SifLayout note");
        ErrorAssert.Single(_session, "SifBadMagic", ErrorCategory.InvalidData);
    }

    [Theory]
    [InlineData("64MB", 64L << 20)]
    [InlineData("'64MiB'", 64L << 20)]
    [InlineData("'64m'", 64L << 20)]
    [InlineData("'0.125 GB'", 128L << 20)]
    [InlineData("67108864", 64L << 20)]
    [InlineData("'67108864'", 64L << 20)]
    public void Sizes_are_taken_as_people_write_them(string size, long bytes) =>
        Assert.Equal(bytes.ToString(System.Globalization.CultureInfo.InvariantCulture), Assert.Single(_session.Lines($"(New-OverlayImage b.img {size}).SizeBytes")));

    [Theory]
    [InlineData("'64XB'")]
    [InlineData("'MB'")]
    [InlineData("'1.2.3M'")]
    [InlineData("'99999999999E'")]
    public void What_is_no_size_is_refused(string size)
    {
        _session.Run($"New-OverlayImage b.img {size}");
        Assert.Contains("'500M'", Assert.Single(_session.Errors).Exception.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(_directory["b.img"]));
    }

    private static long Field(string dump, string name)
    {
        var line = dump.Split('\n').Single(line => line.StartsWith(name + ":", StringComparison.Ordinal));
        return long.Parse(line[(name.Length + 1)..].Trim(), System.Globalization.CultureInfo.InvariantCulture);
    }
}
