using System.Management.Automation;
using OverlayTools.Overlays;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests;

/// <summary>Get-OverlayItem, Copy-OverlayItem and Remove-OverlayItem, as they are typed.</summary>
public sealed class OverlayItemTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new TemporaryDirectory().OpenToAll();
    private readonly ModuleSession _session;

    public OverlayItemTests()
    {
        _session = new ModuleSession(_directory.Path);
        Directory.CreateDirectory(_directory["source/etc/sub"]);
        File.WriteAllText(_directory["source/etc/a.conf"], "first");
        File.WriteAllText(_directory["source/etc/b [1].conf"], "second");
        File.WriteAllText(_directory["source/etc/sub/c"], "third");
        File.WriteAllText(_directory["source/etc/.wh.gone"], "");
        File.WriteAllText(_directory["source/etc/sub/.wh..wh..opq"], "");
        File.CreateSymbolicLink(_directory["source/etc/link"], "/etc/shadow");
        _session.Run("New-OverlayImage a.img -Source source -Owner 1000:1000");
        Assert.Empty(_session.Errors);
    }

    public void Dispose()
    {
        _session.Dispose();
        _directory.Dispose();
    }

    [Theory]
    [InlineData("Get-OverlayItem a.img", "/etc")]
    [InlineData("Get-OverlayItem a.img /etc", "/etc")]
    [InlineData("Get-OverlayItem a.img etc/sub/c", "/etc/sub/c")]
    [InlineData("Get-OverlayItem a.img '/etc/*.conf'", "/etc/a.conf /etc/b [1].conf")]
    [InlineData("Get-OverlayItem a.img '/etc/b [1].conf'", "/etc/b [1].conf")]
    [InlineData("Get-OverlayItem a.img '/e*/s*/c'", "/etc/sub/c")]
    [InlineData("Get-OverlayItem a.img '/none*'", "")]
    [InlineData("Get-OverlayItem a.img /etc/sub -Recurse", "/etc/sub /etc/sub/.wh..wh..opq /etc/sub/c")]
    [InlineData("Get-OverlayItem a.img -Depth 1", "/etc")]
    [InlineData("Get-OverlayItem a.img -Depth 2", "/etc /etc/.wh.gone /etc/a.conf /etc/b [1].conf /etc/link /etc/sub")]
    [InlineData("[IO.FileInfo]::new(\"$PWD/a.img\") | Get-OverlayItem -ItemPath /etc/sub/c", "/etc/sub/c")]
    [InlineData("Get-OverlayItem a.img '/etc/b*' | Get-OverlayItem", "/etc/b [1].conf")]
    public void Paths_wildcards_and_depths_choose_items(string script, string items)
    {
        var before = ImageFiles.Digest(_directory["a.img"]);
        Assert.Equal(items, string.Join(' ', _session.Lines($"{script} | & {{ process {{ $_.ItemPath }} }}")));
        Assert.Empty(_session.Errors);
        Assert.Equal(before, ImageFiles.Digest(_directory["a.img"]));
    }

    [Fact]
    public void Items_say_what_they_mean()
    {
        var items = _session.Run("Get-OverlayItem a.img -Recurse").Select(item => (OverlayItem)item.BaseObject)
            .ToDictionary(item => item.ItemPath);
        Assert.Equal((OverlayItemMeaning.Whiteout, OverlayMarkForms.NamedFile, "/etc/gone"),
            (items["/etc/.wh.gone"].Meaning, items["/etc/.wh.gone"].MarkForms, items["/etc/.wh.gone"].HiddenPath));
        Assert.Equal((OverlayItemMeaning.OpaqueDirectory, OverlayMarkForms.NamedFile), (items["/etc/sub"].Meaning, items["/etc/sub"].MarkForms));
        Assert.Equal(OverlayItemMeaning.OpaqueMark, items["/etc/sub/.wh..wh..opq"].Meaning);
        Assert.Equal((OverlayItemType.Link, "/etc/shadow"), (items["/etc/link"].ItemType, items["/etc/link"].LinkTarget));
        Assert.Equal((5, OverlayItemMeaning.File), (items["/etc/a.conf"].SizeBytes, items["/etc/a.conf"].Meaning));
    }

    [Fact]
    public void A_directory_is_an_overlay_too()
    {
        Directory.CreateDirectory(_directory["d/work"]);
        Directory.Move(_directory["source"], _directory["d/upper"]);
        Assert.Equal(["/etc/sub", "/etc/sub/.wh..wh..opq", "/etc/sub/c"], _session.Lines("(Get-OverlayItem d /etc/sub -Recurse).ItemPath"));
        _session.Run("Get-OverlayItem /proc");
        ErrorAssert.Single(_session, ErrorIds.OverlayMissingUpper, ErrorCategory.InvalidData);
    }

    [Theory]
    [InlineData("/none", ErrorIds.OverlayItemNotFound, ErrorCategory.ObjectNotFound)]
    [InlineData("/etc/link/x", ErrorIds.OverlayItemNotFound, ErrorCategory.ObjectNotFound)]
    [InlineData("/etc/../../x", ErrorIds.InvalidDirectoryName, ErrorCategory.InvalidArgument)]
    public void What_is_not_there_is_an_error(string path, string id, ErrorCategory category)
    {
        Assert.Empty(_session.Run($"Get-OverlayItem a.img '{path}'"));
        ErrorAssert.Single(_session, id, category);
    }

    [Fact]
    public void An_image_that_somebody_writes_is_shown_with_a_warning()
    {
        using var file = File.OpenHandle(_directory["a.img"], FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        IO.RangeLock.Acquire(file, "a.img", exclusive: true, 0, 0);
        Assert.Equal(["/etc"], _session.Lines("(Get-OverlayItem a.img).ItemPath"));
        Assert.Contains("in use", Assert.Single(_session.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void Tab_completes_paths_inside()
    {
        Assert.Equal(["/etc"], _session.Complete("Get-OverlayItem a.img /").Select(result => result.CompletionText));
        Assert.Equal(["/etc/a.conf", "'/etc/b [1].conf'"],
            _session.Complete("Get-OverlayItem a.img -ItemPath /etc/").Select(result => result.CompletionText).Where(text => text.Contains("conf")));
    }

    [Fact]
    public void Files_and_trees_are_copied_out()
    {
        Assert.Equal([_directory["out/a.conf"]], _session.Lines("Copy-OverlayItem a.img -ItemPath /etc/a.conf -Destination ./out -PassThru"));
        Assert.Equal("first", File.ReadAllText(_directory["out/a.conf"]));
        _session.Run("Copy-OverlayItem a.img /etc out");
        ErrorAssert.Single(_session, ErrorIds.OverlayDirectoryNotEmpty, ErrorCategory.InvalidOperation);
        _session.Run("Copy-OverlayItem a.img /etc out -Recurse");
        Assert.Empty(_session.Errors);
        Assert.Equal("third", File.ReadAllText(_directory["out/etc/sub/c"]));
        Assert.Equal("/etc/shadow", new FileInfo(_directory["out/etc/link"]).LinkTarget);
        _session.Run("Copy-OverlayItem a.img '/etc/a*' out");
        ErrorAssert.Single(_session, ErrorIds.OverlayAlreadyExists, ErrorCategory.ResourceExists);
        File.WriteAllText(_directory["out/a.conf"], "mine");
        _session.Run("Get-OverlayItem a.img '/etc/*.conf' | Copy-OverlayItem -Destination out -Force");
        Assert.Empty(_session.Errors);
        Assert.Equal(["first", "second"], new[] { "out/a.conf", "out/b [1].conf" }.Select(name => File.ReadAllText(_directory[name])));
        Assert.DoesNotContain(Directory.EnumerateFiles(_directory["out"], ".*.tmp"), _ => true);
    }

    [Fact]
    public void Files_and_trees_are_copied_in()
    {
        Directory.CreateDirectory(_directory["tree/deep"]);
        File.WriteAllText(_directory["tree/deep/x"], "inside");
        File.WriteAllText(_directory["foo"], "foo");
        Assert.Equal(["/opt/new/foo", "/opt/new/tree"],
            _session.Lines("(Copy-OverlayItem foo, tree -Image a.img -ItemDestination /opt/new -Recurse -PassThru).ItemPath"));
        Assert.Empty(_session.Errors);
        ImageFiles.AssertClean(_directory["a.img"]);
        Assert.Equal("inside", ImageFiles.Debugfs(_directory["a.img"], "cat /upper/opt/new/tree/deep/x"));
        Assert.Equal((1000, 1000, "0644"), ImageFiles.Owner(_directory["a.img"], "/upper/opt/new/foo"));
        var before = ImageFiles.Digest(_directory["a.img"]);
        _session.Run("Copy-OverlayItem foo -Image a.img -ItemDestination /opt/new");
        ErrorAssert.Single(_session, ErrorIds.OverlayAlreadyExists, ErrorCategory.ResourceExists);
        Assert.Equal(before, ImageFiles.Digest(_directory["a.img"]));
        File.WriteAllText(_directory["foo"], "other");
        _session.Run("[IO.FileInfo]::new(\"$PWD/foo\") | Copy-OverlayItem -Image a.img -ItemDestination /opt/new -Force -Owner 7:8");
        Assert.Empty(_session.Errors);
        Assert.Equal("other", ImageFiles.Debugfs(_directory["a.img"], "cat /upper/opt/new/foo"));
        Assert.Equal((7, 8, "0644"), ImageFiles.Owner(_directory["a.img"], "/upper/opt/new/foo"));
        ImageFiles.AssertClean(_directory["a.img"]);
    }

    [Fact]
    public void A_directory_in_place_of_a_deleted_one_is_opaque()
    {
        Directory.CreateDirectory(_directory["gone"]);
        _session.Run("Copy-OverlayItem gone -Image a.img -ItemDestination /etc -Recurse");
        Assert.Empty(_session.Errors);
        Assert.Empty(_session.Lines("Get-OverlayItem a.img '/etc/.wh*'"));
        Assert.Equal(["OpaqueDirectory TrustedAttribute, UserAttribute, FuseAttribute"],
            _session.Lines("$i = Get-OverlayItem a.img /etc/gone; \"$($i.Meaning) $($i.MarkForms)\""));
        ImageFiles.AssertClean(_directory["a.img"]);
    }

    [Theory]
    [InlineData("Copy-OverlayItem a.img /etc out -Recurse -WhatIf")]
    [InlineData("Copy-OverlayItem source -Image a.img -ItemDestination / -Recurse -WhatIf")]
    [InlineData("Remove-OverlayItem a.img /etc -Recurse -WhatIf")]
    [InlineData("Remove-OverlayItem a.img /usr/bin/x -Whiteout -WhatIf")]
    public void WhatIf_changes_nothing(string script)
    {
        var before = ImageFiles.Digest(_directory["a.img"]);
        var names = ImageFiles.Names(_directory);
        Assert.Empty(_session.Run(script));
        Assert.Empty(_session.Errors);
        Assert.Equal(before, ImageFiles.Digest(_directory["a.img"]));
        Assert.Equal(names, ImageFiles.Names(_directory));
    }

    [Fact]
    public void Items_are_removed_hidden_and_brought_back()
    {
        _session.Run("Remove-OverlayItem a.img /etc");
        ErrorAssert.Single(_session, ErrorIds.OverlayDirectoryNotEmpty, ErrorCategory.InvalidOperation);
        _session.Run("Remove-OverlayItem a.img '/etc/*.conf'");
        Assert.Equal(["/etc/.wh.gone", "/etc/link", "/etc/sub"], _session.Lines("(Get-OverlayItem a.img '/etc/*').ItemPath"));
        _session.Run("Remove-OverlayItem a.img /etc/gone");
        Assert.Empty(_session.Errors);
        _session.Run("Remove-OverlayItem a.img /etc/sub, /usr/lib/base.so -Whiteout -Recurse");
        Assert.Empty(_session.Errors);
        Assert.Contains("Type: character special    Mode:  0000", ImageFiles.Debugfs(_directory["a.img"], "stat /upper/etc/sub"), StringComparison.Ordinal);
        Assert.Equal(["/etc/link File", "/etc/sub Whiteout", "/usr Directory", "/usr/lib Directory", "/usr/lib/base.so Whiteout"],
            _session.Lines("Get-OverlayItem a.img '/etc/*', '/usr' -Recurse | & { process { \"$($_.ItemPath) $($_.Meaning)\" } }"));
        _session.Run("Remove-OverlayItem a.img /usr/lib/base.so");
        Assert.Empty(_session.Lines("Get-OverlayItem a.img '/usr/lib/*'"));
        _session.Run("Get-OverlayItem a.img -Recurse | Remove-OverlayItem -Recurse");
        Assert.Empty(_session.Errors);
        Assert.Empty(_session.Run("Get-OverlayItem a.img"));
        ImageFiles.AssertClean(_directory["a.img"]);
        _session.Run("Remove-OverlayItem a.img /none; Remove-OverlayItem a.img / -Recurse");
        Assert.Equal([ErrorIds.OverlayItemNotFound, ErrorIds.InvalidDirectoryName],
            _session.Errors.Select(error => error.FullyQualifiedErrorId.Split(',')[0]));
    }
}
