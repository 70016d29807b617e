using System.Management.Automation;
using OverlayTools.Sif;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests;

public sealed class NewSifImageTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly ModuleSession _session;

    public NewSifImageTests()
    {
        _session = new ModuleSession(_directory.Path);
        Directory.CreateDirectory(_directory["root/etc"]);
        Directory.CreateDirectory(_directory["root/tmp"]);
        File.SetUnixFileMode(_directory["root/tmp"], (UnixFileMode)0b001_111_111_111);
        File.WriteAllText(_directory["root/etc/motd"], "welcome\n");
        File.SetUnixFileMode(_directory["root/etc/motd"], UnixFileMode.UserRead | UnixFileMode.GroupRead);
        File.CreateSymbolicLink(_directory["root/etc/link"], "motd");
        File.WriteAllText(_directory["my.def"], "Bootstrap: scratch\n");
    }

    public void Dispose()
    {
        _session.Dispose();
        _directory.Dispose();
    }

    [Theory]
    [InlineData("Squashfs", "FS (Squashfs/*System/amd64)")]
    [InlineData("Ext3", "FS (Ext3/*System/amd64)")]
    public void An_image_lists_as_siftool_has_it(string fileSystem, string row)
    {
        NeedPacker(fileSystem);
        Machine.NeedTool("siftool");
        var made = Made($"New-SifImage a.sif root -FileSystem {fileSystem} -Architecture amd64 -DefinitionFile my.def");
        var table = Machine.Run("siftool", "list", _directory["a.sif"]);

        Assert.Equal(0, table.ExitCode);
        Assert.Contains("Def.FILE", table.Output, StringComparison.Ordinal);
        Assert.Contains(row, table.Output, StringComparison.Ordinal);
        Assert.Equal(_directory["a.sif"], made.Path);
        Assert.Equal(Enum.Parse<SifFileSystem>(fileSystem), made.FileSystem);
        Assert.Equal(SifArchitecture.Amd64, made.Architecture);
        Assert.Equal(2, made.ObjectCount);
        Assert.Equal(new FileInfo(made.Path).Length, made.SizeBytes);
        Assert.Contains(made.ImageId.ToString(), Machine.Run("siftool", "header", made.Path).Output, StringComparison.Ordinal);
        Assert.Equal("Bootstrap: scratch\n", Machine.Run("siftool", "dump", "1", made.Path).Output);
        Assert.Equal(["a.sif", "my.def", "root"], ImageFiles.Names(_directory));
    }

    [Theory]
    [InlineData("386", SifArchitecture.I386)]
    [InlineData("arm64", SifArchitecture.Arm64)]
    [InlineData("13", SifArchitecture.Loong64)]
    public void The_architecture_is_the_one_given(string name, SifArchitecture expected)
    {
        Assert.Equal(expected, Made($"New-SifImage a.sif root -PartFs 2 -PartArch {name}").Architecture);
    }

    [Fact]
    public void The_architecture_is_this_machines_when_left_out()
    {
        Assert.Equal(SifArchitectures.Host, Made("New-SifImage a.sif root -FileSystem Ext3").Architecture);
    }

    [Fact]
    public void Without_a_format_it_is_squashfs_where_it_can_be_packed()
    {
        NeedPacker("Squashfs");

        Assert.Equal(SifFileSystem.Squashfs, Made("New-SifImage a.sif root").FileSystem);
    }

    [Fact]
    public void A_squashfs_holds_the_source_with_its_modes_and_owners()
    {
        NeedPacker("Squashfs");
        GiveAway("root/etc/motd");
        Made("New-SifImage a.sif root -FileSystem Squashfs");
        var packed = Dump(1);
        Assert.Equal(0, Machine.Run("unsquashfs", "-no-progress", "-d", _directory["unpacked"], packed).ExitCode);

        Assert.Equal(Tree("root"), Tree("unpacked"));
        Assert.Equal("welcome\n", Machine.Run("unsquashfs", "-cat", packed, "etc/motd").Output);
    }

    [Fact]
    public void An_ext3_holds_the_source_with_its_modes_and_owners()
    {
        GiveAway("root/etc/motd");
        Made("New-SifImage a.sif root -FileSystem Ext3");
        var packed = Dump(1);

        ImageFiles.AssertClean(packed);
        Assert.Equal("welcome\n", ImageFiles.Debugfs(packed, "cat /etc/motd"));
        Assert.Equal((Machine.IsRoot ? 1234 : 0, Machine.IsRoot ? 4321 : 0, "0440"), ImageFiles.Owner(packed, "/etc/motd"));
        Assert.Equal("01777", ImageFiles.Owner(packed, "/tmp").Mode);
        Assert.Contains("Fast link dest: \"motd\"", ImageFiles.Debugfs(packed, "stat /etc/link"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("echo hello \"$@\"", "#!/bin/sh\necho hello \"$@\"\n")]
    [InlineData("#!/bin/bash\r\necho hello\r\n", "#!/bin/bash\necho hello\n")]
    public void Run_script_and_definition_are_inside(string script, string expected)
    {
        NeedPacker("Squashfs");
        // What the source has under the name gives way.
        Directory.CreateDirectory(_directory["root/.singularity.d"]);
        File.WriteAllText(_directory["root/.singularity.d/runscript"], "old");
        _session.Run("New-SifImage s.sif root -FileSystem Squashfs -RunScript $args[0] -DefinitionFile my.def", script);
        Assert.Empty(_session.Errors);
        _session.Run("New-SifImage e.sif root -FileSystem Ext3 -RunScript $args[0] -DefinitionFile my.def", script);
        Assert.Empty(_session.Errors);
        var squashfs = Dump(2, "s.sif");
        var ext3 = Dump(2, "e.sif");

        Assert.Equal(expected, Machine.Run("unsquashfs", "-cat", squashfs, ".singularity.d/runscript").Output);
        Assert.Equal("Bootstrap: scratch\n", Machine.Run("unsquashfs", "-cat", squashfs, ".singularity.d/Singularity").Output);
        Assert.Matches(@"-rwxr-xr-x root/root .*/\.singularity\.d/runscript", Machine.Run("unsquashfs", "-ll", squashfs).Output);
        Assert.Equal(expected, ImageFiles.Debugfs(ext3, "cat /.singularity.d/runscript"));
        Assert.Equal("Bootstrap: scratch\n", ImageFiles.Debugfs(ext3, "cat /.singularity.d/Singularity"));
        Assert.Equal((0, 0, "0755"), ImageFiles.Owner(ext3, "/.singularity.d/runscript"));
        ImageFiles.AssertClean(ext3);
        Assert.Equal("old", File.ReadAllText(_directory["root/.singularity.d/runscript"]));
    }

    [Theory]
    [InlineData("New-SifImage a.sif nowhere", ErrorIds.OverlayFileNotFound, ErrorCategory.ObjectNotFound)]
    [InlineData("New-SifImage a.sif my.def", ErrorIds.ImageNotRecognized, ErrorCategory.InvalidData)]
    [InlineData("New-SifImage no/a.sif root", ErrorIds.OverlayFileNotFound, ErrorCategory.ObjectNotFound)]
    [InlineData("New-SifImage no/a.sif root -FileSystem Ext3", ErrorIds.OverlayFileNotFound, ErrorCategory.ObjectNotFound)]
    [InlineData("New-SifImage Variable:x root", ErrorIds.PathNotFileSystem, ErrorCategory.InvalidArgument)]
    [InlineData("New-SifImage a.sif Variable:", ErrorIds.PathNotFileSystem, ErrorCategory.InvalidArgument)]
    [InlineData("New-SifImage a.sif root -DefinitionFile none.def", ErrorIds.OverlayFileNotFound, ErrorCategory.ObjectNotFound)]
    [InlineData("New-SifImage a.sif root -DefinitionFile Variable:x", ErrorIds.PathNotFileSystem, ErrorCategory.InvalidArgument)]
    [InlineData("New-SifImage old.sif root", ErrorIds.OverlayAlreadyExists, ErrorCategory.ResourceExists)]
    [InlineData("New-SifImage old.sif root -FileSystem Ext3", ErrorIds.OverlayAlreadyExists, ErrorCategory.ResourceExists)]
    [InlineData("New-SifImage root root -Force -FileSystem Ext3", ErrorIds.OverlayAlreadyExists, ErrorCategory.ResourceExists)]
    public void A_failure_makes_nothing_and_changes_nothing(string command, string id, ErrorCategory category)
    {
        File.WriteAllText(_directory["old.sif"], "mine");
        _session.Run(command);

        ErrorAssert.Single(_session, id, category);
        Assert.Equal(["my.def", "old.sif", "root"], ImageFiles.Names(_directory));
        Assert.Equal("mine", File.ReadAllText(_directory["old.sif"]));
    }

    [Theory]
    [InlineData("Squashfs")]
    [InlineData("Ext3")]
    public void Force_replaces_an_existing_file(string fileSystem)
    {
        NeedPacker(fileSystem);
        File.WriteAllText(_directory["a.sif"], "mine");

        Assert.Equal(1, Made($"New-SifImage a.sif root -Force -FileSystem {fileSystem}").ObjectCount);
        Assert.Equal(["a.sif", "my.def", "root"], ImageFiles.Names(_directory));
    }

    [Fact]
    public void WhatIf_makes_nothing()
    {
        Assert.Empty(_session.Run("New-SifImage a.sif root -WhatIf"));
        Assert.Empty(_session.Errors);
        Assert.Equal(["my.def", "root"], ImageFiles.Names(_directory));
    }

    [Fact]
    public void The_source_comes_from_the_pipeline()
    {
        Assert.Equal("a.sif", Path.GetFileName(Made("'root' | New-SifImage a.sif -FileSystem Ext3").Path));
        Assert.Equal("b.sif", Path.GetFileName(
            Made("[pscustomobject]@{ FullName = \"$PWD/root\" } | New-SifImage b.sif -FileSystem Ext3").Path));
    }

    [Theory]
    [InlineData("Squashfs")]
    [InlineData("Ext3")]
    public void A_source_that_cannot_be_read_whole_is_said(string fileSystem)
    {
        NeedPacker(fileSystem);
        AsOrdinaryUser.Need();
        _directory.OpenToAll();
        File.WriteAllText(_directory["root/secret"], "secret");
        File.SetUnixFileMode(_directory["root/secret"], UnixFileMode.None);
        var (output, error) = AsOrdinaryUser.Run(_directory,
            $"New-SifImage a.sif root -FileSystem {fileSystem} -ErrorAction SilentlyContinue; $Error[0].FullyQualifiedErrorId");

        if (fileSystem == "Ext3")
        {
            Assert.StartsWith(ErrorIds.AccessDenied, output, StringComparison.Ordinal);
            Assert.Equal(["my.def", "root"], ImageFiles.Names(_directory));
        }
        else
        {
            // mksquashfs goes on without it.
            Assert.Contains("secret", output + error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void An_ordinary_users_files_become_roots()
    {
        NeedPacker("Squashfs");
        AsOrdinaryUser.Need();
        _directory.OpenToAll();
        GiveAway("root/tmp");
        File.SetUnixFileMode(_directory["root/etc/motd"], (UnixFileMode)0b100_100_100);
        var (_, error) = AsOrdinaryUser.Run(_directory,
            "$null = New-SifImage s.sif root -FileSystem Squashfs; $null = New-SifImage e.sif root -FileSystem Ext3");

        Assert.Equal("", error);
        Assert.All(Machine.Run("unsquashfs", "-ll", Dump(1, "s.sif")).Output.Trim().Split('\n'),
            line => Assert.Contains(" root/root ", line, StringComparison.Ordinal));
        Assert.Equal((0, 0, "01777"), ImageFiles.Owner(Dump(1, "e.sif"), "/tmp"));
    }

    [Theory]
    [InlineData("Squashfs")]
    [InlineData("Ext3")]
    public void A_full_disk_is_said_and_nothing_remains_on_it(string fileSystem)
    {
        NeedPacker(fileSystem);
        using var disk = new SmallDisk(_directory["disk"], 8);
        var noise = new byte[16 << 20];
        new Random(1).NextBytes(noise);
        File.WriteAllBytes(_directory["root/noise"], noise);
        File.WriteAllText(disk["old.sif"], "mine");
        _session.Run($"New-SifImage $args[0] root -Force -FileSystem {fileSystem}", disk["old.sif"]);

        var error = Assert.Single(_session.Errors);
        Assert.Contains("No space left on device", error.Exception.Message, StringComparison.Ordinal);
        Assert.Contains("disk", error.ErrorDetails.RecommendedAction, StringComparison.Ordinal);
        ErrorAssert.Single(_session, ErrorIds.DiskFull, ErrorCategory.ResourceUnavailable);
        Assert.Equal(["old.sif"], disk.Names);
        Assert.Equal("mine", File.ReadAllText(disk["old.sif"]));
    }

    [Theory]
    [InlineData("Squashfs")]
    [InlineData("Ext3")]
    public void Stopping_in_the_middle_leaves_nothing(string fileSystem)
    {
        NeedPacker(fileSystem);
        var noise = new byte[64 << 20];
        new Random(1).NextBytes(noise);
        for (var i = 0; i < 4; i++)
            File.WriteAllBytes(_directory[$"root/noise{i}"], noise);
        _session.RunAndStop($"while ($true) {{ New-SifImage a.sif root -FileSystem {fileSystem} -Force }}",
            () => ImageFiles.Names(_directory).Any(name => name.EndsWith(".tmp", StringComparison.Ordinal)));

        Assert.Empty(ImageFiles.Names(_directory).Except(["a.sif", "my.def", "root"]));
        Assert.NotEqual(0, Machine.Run("pgrep", "-f", $"mksquashfs {_directory.Path}").ExitCode);
    }

    [Fact]
    public void Formats_and_architectures_are_completed()
    {
        Assert.Equal(["Ext3", "Squashfs"], Offered("New-SifImage a.sif root -FileSystem "));
        Assert.Equal(["Amd64", "Arm", "Arm64"], Offered("New-SifImage a.sif root -Architecture a"));
        Assert.Equal(Enum.GetNames<SifArchitecture>().Order(StringComparer.Ordinal),
            Offered("New-SifImage a.sif root -Architecture "));
    }

    [Fact]
    public void Overlays_are_completed_writable_and_read_only()
    {
        foreach (var name in (string[])["over.img", "over 2.ext3", "over.sif", "over.txt", "other.img"])
            File.WriteAllText(_directory[name], "");
        Directory.CreateDirectory(_directory["overdir/below"]);

        Assert.Equal(
            ["'over 2.ext3'", "'over 2.ext3:ro'", "over.img", "over.img:ro", "over.sif", "over.sif:ro", "overdir", "overdir:ro"],
            Offered("Invoke-ContainerWithOverlay a.sif -Overlay over"));
        Assert.Equal(["overdir/below", "overdir/below:ro"], Offered("Invoke-ContainerWithOverlay a.sif -Overlay overdir/"));
    }

    private static void NeedPacker(string fileSystem)
    {
        if (fileSystem != "Squashfs")
            return;
        Machine.NeedTool("mksquashfs");
        Machine.NeedTool("unsquashfs");
    }

    private string[] Offered(string input) => [.. _session.Complete(input).Select(offered => offered.CompletionText)];

    private SifImageInfo Made(string command)
    {
        var made = Assert.IsType<SifImageInfo>(Assert.Single(_session.Run(command)).BaseObject);
        Assert.Empty(_session.Errors);
        Assert.Empty(_session.Warnings);
        return made;
    }

    // An owner that is nobody's, where we may give files away.
    private void GiveAway(string name)
    {
        if (Machine.IsRoot)
            Assert.Equal(0, Machine.Run("chown", "-h", "1234:4321", _directory[name]).ExitCode);
    }

    private string Dump(int id, string image = "a.sif")
    {
        Machine.NeedTool("siftool");
        var file = _directory[$"{image}.{id}"];
        Assert.Equal(0, Machine.Run("sh", "-c", $"siftool dump {id} '{_directory[image]}' > '{file}'").ExitCode);
        return file;
    }

    // Kind, mode, owner, link target and content of everything below a directory.
    private string Tree(string root) => Machine.RunWith("sh",
        ["-c", "find . -printf '%P %y %m %U:%G %l\\n' | sort; find . -type f -exec sha256sum {} + | sort"], null,
        _directory[root]).Output;
}
