using System.Management.Automation;
using OverlayTools.Overlays;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests;

/// <summary>An overlay as a drive, through the engine's own doors to providers.</summary>
public sealed class OverlayImageProviderTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new TemporaryDirectory().OpenToAll();
    private readonly ModuleSession _session;

    public OverlayImageProviderTests()
    {
        _session = new ModuleSession(_directory.Path);
        Directory.CreateDirectory(_directory["source/etc/sub"]);
        File.WriteAllText(_directory["source/etc/a.conf"], "first\nsecond\n");
        File.WriteAllText(_directory["source/etc/b [1].conf"], "x");
        File.WriteAllText(_directory["source/etc/sub/c"], "third");
        File.WriteAllText(_directory["source/etc/.wh.gone"], "");
        File.CreateSymbolicLink(_directory["source/etc/link"], "/etc/a.conf");
        _session.Run("New-OverlayImage a.img -Source source -Owner 1000:1000");
        Assert.Empty(_session.Errors);
    }

    public void Dispose()
    {
        _session.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public void A_drive_lists_what_is_in_the_overlay_and_changes_nothing()
    {
        var before = ImageFiles.Digest(_directory["a.img"]);
        MakeDrive(writable: false);
        Assert.Equal("/etc", Items("ChildItem.Get('ov:/', $false)"));
        Assert.Equal("/etc /etc/a.conf /etc/b [1].conf /etc/link /etc/sub /etc/sub/c", Items("ChildItem.Get('ov:/', $true)"));
        Assert.Equal("/etc/sub/c", Items("ChildItem.Get('ov:/etc/sub/c', $false)"));
        var item = (OverlayItem)Assert.Single(_session.Run("$ExecutionContext.InvokeProvider.Item.Get('ov:/etc/a.conf')")).BaseObject;
        Assert.Equal(("1000:1000", 13L, OverlayItemType.File), (item.Owner, item.SizeBytes, item.ItemType));
        Assert.Equal(["True", "False", "False"], _session.Lines(
            "'ov:/etc/a.conf', 'ov:/none', 'ov:/etc/.wh.gone' | & { process { $ExecutionContext.InvokeProvider.Item.Exists($_) } }"));
        Assert.Equal(["True", "False"], _session.Lines(
            "'ov:/etc', 'ov:/etc/a.conf' | & { process { $ExecutionContext.InvokeProvider.Item.IsContainer($_) } }"));
        Assert.Equal(["first", "second"], Content("/etc/a.conf"));
        Assert.Equal(before, ImageFiles.Digest(_directory["a.img"]));
    }

    [Fact]
    public void Deleted_entries_show_with_force_only()
    {
        MakeDrive(writable: false);
        Assert.DoesNotContain(".wh.gone", Items("ChildItem.Get('ov:/etc', $false)"), StringComparison.Ordinal);
        Assert.Contains("/etc/.wh.gone", Items("ChildItem.Get([string[]]'ov:/etc', $false, $true, $true)"), StringComparison.Ordinal);
        Assert.Equal("/etc/gone", Assert.Single(_session.Lines(
            "$ExecutionContext.InvokeProvider.Item.Get([string[]]'ov:/etc/.wh.gone', $true, $true).HiddenPath")));
    }

    [Fact]
    public void A_read_only_drive_is_in_nobodys_way_and_sees_what_others_write()
    {
        MakeDrive(writable: false);
        File.WriteAllText(_directory["new"], "new");
        _session.Run("Copy-OverlayItem new -Image a.img -ItemDestination /etc");
        Assert.Empty(_session.Errors);
        Assert.Equal(["new"], Content("/etc/new"));
    }

    [Fact]
    public void A_read_only_drive_refuses_every_change()
    {
        MakeDrive(writable: false);
        var before = ImageFiles.Digest(_directory["a.img"]);
        foreach (var change in new[]
        {
            "Item.New('ov:/etc', 'n', 'File', 'x')", "Item.Remove('ov:/etc/a.conf', $false)",
            "Item.Rename('ov:/etc/a.conf', 'z')", "Item.Move('ov:/etc/a.conf', 'ov:/z')",
            "Item.Copy('ov:/etc/a.conf', 'ov:/z', $false, 'CopyTargetContainer')", "Content.Clear('ov:/etc/a.conf')",
            "Content.GetWriter('ov:/etc/a.conf')",
        })
        {
            Assert.Equal("OverlayNotWritable", ErrorOf($"$ExecutionContext.InvokeProvider.{change}"));
        }

        Assert.Equal(before, ImageFiles.Digest(_directory["a.img"]));
    }

    [Fact]
    public void Files_are_made_written_moved_copied_and_removed()
    {
        MakeDrive(writable: true);
        Provider("Item.New('ov:/', 'opt', 'Directory', $null)", "Item.New('ov:/opt', 'f', 'File', 'hello')",
            "Item.New('ov:/opt', 'l', 'SymbolicLink', '/etc/a.conf')", "Item.Copy('ov:/etc', 'ov:/opt', $true, 'CopyTargetContainer')",
            "Item.Rename('ov:/opt/f', 'g')", "Item.Move('ov:/opt/g', 'ov:/etc/sub')", "Item.Remove('ov:/opt/etc/sub', $true)");
        Assert.Equal("/etc /etc/a.conf /etc/b [1].conf /etc/link /etc/sub /etc/sub/c /etc/sub/g /opt /opt/etc /opt/etc/a.conf "
            + "/opt/etc/b [1].conf /opt/etc/link /opt/l", Items("ChildItem.Get('ov:/', $true)"));
        Write("/etc/a.conf", "changed");
        Write("/opt/new", "made");
        AssertSound();
        Assert.Equal("changed\n", Debugfs("cat /upper/etc/a.conf"));
        Assert.Equal("made\n", Debugfs("cat /upper/opt/new"));
        Assert.Equal("hello", Debugfs("cat /upper/etc/sub/g"));
        Assert.Matches(@"User:\s+1000\s+Group:\s+1000", Debugfs("stat /upper/opt/new"));
    }

    [Fact]
    public void What_was_deleted_stays_hidden_under_a_directory_that_takes_its_place()
    {
        MakeDrive(writable: true);
        Provider("Item.New('ov:/etc', 'gone', 'Directory', $null)");
        Assert.Contains("overlay.opaque", Debugfs("ea_list /upper/etc/gone"), StringComparison.Ordinal);
        Assert.Contains("File not found", Debugfs("stat /upper/etc/.wh.gone"), StringComparison.Ordinal);
        AssertSound();
    }

    [Fact]
    public void A_writable_drive_keeps_others_out_until_it_is_removed()
    {
        MakeDrive(writable: true);
        File.WriteAllText(_directory["new"], "new");
        _session.Run("Copy-OverlayItem new -Image a.img -ItemDestination /etc");
        ErrorAssert.Single(_session, "OverlayInUse", ErrorCategory.ResourceBusy);
        _session.Run("$ExecutionContext.SessionState.Drive.Remove('ov', $true, 'Global')");
        _session.Run("Copy-OverlayItem new -Image a.img -ItemDestination /etc");
        Assert.Empty(_session.Errors);
        AssertSound();
    }

    [Fact]
    public void A_path_that_leads_outside_or_through_a_link_finds_nothing()
    {
        MakeDrive(writable: true);
        Assert.Equal(["False", "False"], _session.Lines(
            "'ov:/etc/link/x', 'ov:/../../etc/passwd' | & { process { try { $ExecutionContext.InvokeProvider.Item.Exists($_) } catch { $false } } }"));
        Assert.Equal("OverlayWrongFileType", ErrorOf("$ExecutionContext.InvokeProvider.Content.GetReader('ov:/etc/link')"));
        Assert.Equal("OverlayItemNotFound", ErrorOf("$ExecutionContext.InvokeProvider.Item.New('ov:/etc/link', 'x', 'File', 'x')"));
        Assert.Equal("OverlayMoveIntoItself", ErrorOf("$ExecutionContext.InvokeProvider.Item.Copy('ov:/etc', 'ov:/etc/sub', $true, 'CopyTargetContainer')"));
    }

    [Fact]
    public void An_embedded_overlay_is_a_drive_by_its_id()
    {
        _session.Run("$null = New-SifImage c.sif -Source source; $null = Add-SifPartition c.sif a.img -PartitionType Overlay");
        Assert.Empty(_session.Errors);
        var id = _session.Lines("(Get-SifDescriptor c.sif -PartitionType Overlay).Id")[0];
        MakeDrive(writable: true, "c.sif", id);
        Write("/etc/a.conf", "in the SIF");
        Assert.Equal(["in the SIF"], Content("/etc/a.conf"));
    }

    private void MakeDrive(bool writable, string image = "a.img", string id = "$null")
    {
        _session.Run($"""
            $provider = @($ExecutionContext.SessionState.Provider.Get('OverlayImage'))[0]
            $info = [System.Management.Automation.PSDriveInfo]::new('ov', $provider, '', '', $null)
            $drive = [OverlayTools.Provider.OverlayImageDrive]::new($info, '{_directory[image]}', {id}, ${(writable ? "true" : "false")})
            $ExecutionContext.SessionState.Drive.New($drive, 'Global')
            """);
        Assert.Empty(_session.Errors);
    }

    private void Provider(params string[] calls)
    {
        foreach (var call in calls)
            _session.Run($"$ExecutionContext.InvokeProvider.{call}");
    }

    private string Items(string call) =>
        string.Join(' ', _session.Lines($"$ExecutionContext.InvokeProvider.{call} | & {{ process {{ $_.ItemPath }} }}"));

    private IReadOnlyList<string> Content(string itemPath) => _session.Lines(
        $"$reader = $ExecutionContext.InvokeProvider.Content.GetReader('ov:{itemPath}'); try {{ $reader[0].Read(0) }} finally {{ $reader[0].Close() }}");

    private void Write(string itemPath, string text) => _session.Run(
        $"$writer = $ExecutionContext.InvokeProvider.Content.GetWriter('ov:{itemPath}'); try {{ $writer[0].Write(@('{text}')) }} finally {{ $writer[0].Close(); $writer[0].Dispose() }}");

    // What the engine's own doors report wraps ours; the cmdlets show our record itself (tests/Pester).
    private string ErrorOf(string script)
    {
        Exception? error;
        try
        {
            _session.Run(script);
            error = Assert.Single(_session.Errors).Exception;
        }
        catch (RuntimeException thrown)
        {
            error = thrown;
        }

        while (error is not null and not EngineException)
            error = error.InnerException;
        return Assert.IsType<EngineException>(error).ErrorId;
    }

    private string Debugfs(string command)
    {
        Machine.NeedTool("debugfs");
        var (_, output, error) = Machine.Run("debugfs", "-R", command, _directory["a.img"]);
        return output + error.Replace("debugfs 1.47.0 (5-Feb-2023)\n", string.Empty, StringComparison.Ordinal);
    }

    private void AssertSound()
    {
        Machine.NeedTool("e2fsck");
        var (exitCode, output, _) = Machine.Run("e2fsck", "-fn", _directory["a.img"]);
        Assert.True(exitCode == 0 && !output.Contains("Fix?", StringComparison.Ordinal), output);
    }
}
