using System.Management.Automation;
using OverlayTools.Sif;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests;

/// <summary>New-SifImage from an archive, from a file system, and from nothing; what is put into it.</summary>
public sealed class NewSifImageSourceTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly ModuleSession _session;

    public NewSifImageSourceTests()
    {
        _session = new ModuleSession(_directory.Path);
        Directory.CreateDirectory(_directory["root/etc"]);
        Directory.CreateDirectory(_directory["root/.singularity.d/env"]);
        File.WriteAllText(_directory["root/etc/motd"], "welcome\n");
        File.WriteAllText(_directory["root/.singularity.d/runscript"], "old");
        File.CreateSymbolicLink(_directory["root/etc/link"], "motd");
        Directory.CreateDirectory(_directory[$"root/{new string('d', 90)}"]);
        File.WriteAllText(_directory[$"root/{new string('d', 90)}/{new string('f', 200)}"], "long");
        Machine.Run("ln", _directory["root/etc/motd"], _directory["root/hard"]);
        Machine.Run("chmod", "1777", _directory["root/etc"]);
        if (Machine.IsRoot)
            Machine.Run("chown", "-h", "1234:4321", _directory["root/etc/motd"]);
        Machine.Run("tar", "-C", _directory["root"], "-cf", _directory["root.tar"], ".");
        Machine.Run("gzip", "-k", _directory["root.tar"]);
    }

    public void Dispose()
    {
        _session.Dispose();
        _directory.Dispose();
    }

    [Theory]
    [InlineData("root.tar")]
    [InlineData("root.tar.gz")]
    public void A_squashfs_holds_what_an_archive_has(string archive)
    {
        NeedPacker();
        Made($"New-SifImage a.sif {archive} -FileSystem Squashfs");
        Dump(1);
        Assert.Equal(0, Machine.Run("unsquashfs", "-no-progress", "-d", _directory["unpacked"], _directory["part"]).ExitCode);
        Assert.Equal(Tree("root"), Tree("unpacked"));
        Assert.Equal(Machine.Run("stat", "-c", "%h", _directory["root/hard"]).Output,
            Machine.Run("stat", "-c", "%h", _directory["unpacked/hard"]).Output);
        Assert.DoesNotContain(ImageFiles.Names(_directory), name => name.StartsWith('.'));
    }

    [Fact]
    public void Attributes_of_an_archive_reach_the_squashfs()
    {
        NeedPacker();
        Machine.NeedRoot();
        Machine.NeedTool("setfattr");
        Machine.Run("setfattr", "-n", "user.note", "-v", "0x00ff0a3d", _directory["root/etc/motd"]);
        Machine.Run("tar", "-C", _directory["root"], "--xattrs", "--xattrs-include=*", "-cf", _directory["x.tar"], ".");
        Made("New-SifImage a.sif x.tar -FileSystem Squashfs");
        Dump(1);
        Machine.Run("unsquashfs", "-no-progress", "-xattrs", "-d", _directory["unpacked"], _directory["part"]);
        Assert.Contains("0x00ff0a3d", Machine.Run("getfattr", "-n", "user.note", "-e", "hex", _directory["unpacked/etc/motd"]).Output,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("-Deterministic")]
    public void The_root_of_an_archive_keeps_its_owner_mode_and_time(string option)
    {
        NeedPacker();
        Machine.NeedRoot();
        Machine.Run("chown", "77:88", _directory["root"]);
        Machine.Run("chmod", "2711", _directory["root"]);
        Machine.Run("touch", "-d", "2001-02-03 04:05 UTC", _directory["root"]);
        Machine.Run("tar", "-C", _directory["root"], "-cf", _directory["own.tar"], ".");
        Made($"New-SifImage a.sif own.tar -FileSystem Squashfs {option}");
        Dump(1);
        // The first line is that of the root.
        var root = Machine.Run("unsquashfs", "-lln", "-UTC", _directory["part"]).Output.Split('\n')
            .First(line => line.StartsWith('d'));
        Assert.Matches("^drwx--s--x 77/88 +[0-9]+ 2001-02-03 04:05 ", root);
    }

    [Fact]
    public void An_ext3_holds_what_an_archive_has()
    {
        Made("New-SifImage a.sif root.tar -FileSystem Ext3");
        Dump(1);
        ImageFiles.AssertClean(_directory["part"]);
        Assert.Equal("welcome\n", ImageFiles.Debugfs(_directory["part"], "cat /etc/motd"));
        Assert.Equal("01777", ImageFiles.Owner(_directory["part"], "/etc").Mode);
    }

    [Theory]
    [InlineData("root", "Squashfs")]
    [InlineData("root", "Ext3")]
    [InlineData("root.tar", "Squashfs")]
    [InlineData("root.tar", "Ext3")]
    public void Scripts_labels_and_variables_are_inside(string source, string fileSystem)
    {
        NeedPacker();
        Made($"New-SifImage a.sif {source} -FileSystem {fileSystem} -RunScript 'echo hi' "
            + "-Labels @{ version = '1.2'; b = 3 } -Environment @{ NAME = 'it''s'; A = 1 }");
        using (var image = SifImage.Open(_directory["a.sif"], TestContext.Current.CancellationToken))
        {
            Assert.Equal(["Env.Vars", "JSON.Labels", $"FS ({fileSystem}/*System/{SifArchitectures.Host.ToName()})"],
                image.Objects.Select(o => o.TypeText));
        }

        Dump(3);
        string Cat(string file) => fileSystem == "Ext3"
            ? ImageFiles.Debugfs(_directory["part"], $"cat /.singularity.d/{file}")
            : Machine.Run("unsquashfs", "-cat", _directory["part"], $".singularity.d/{file}").Output;
        Assert.Equal("#!/bin/sh\necho hi\n", Cat("runscript"));
        Assert.Equal("#!/bin/sh\nexport A=\"1\"\nexport NAME=\"it's\"\n", Cat("env/90-environment.sh"));
        Assert.Equal("#!/bin/sh\n", Cat("env/99-base.sh"));
        Assert.Equal("""{"b":"3","version":"1.2"}""", Cat("labels.json").Replace("\n", "", StringComparison.Ordinal).Replace(" ", "", StringComparison.Ordinal));
        Assert.Equal("old", File.ReadAllText(_directory["root/.singularity.d/runscript"]));
    }

    [Fact]
    public void Apptainer_runs_what_was_made_and_changed()
    {
        NeedPacker();
        Machine.NeedRoot();
        Machine.NeedTool("busybox");
        var apptainer = Machine.NeedApptainer();
        Assert.SkipUnless(Machine.Run("ldd", Machine.FindTool("busybox")!).ExitCode != 0, "needs a static busybox");
        foreach (var name in new[] { "bin", "dev", "proc", "sys", "tmp", "var/tmp", "usr", "root" })
            Directory.CreateDirectory(_directory[$"root/{name}"]);
        File.Copy(Machine.FindTool("busybox")!, _directory["root/bin/busybox"]);
        File.CreateSymbolicLink(_directory["root/bin/sh"], "busybox");
        Machine.Run("tar", "-C", _directory["root"], "-cf", _directory["box.tar"], ".");
        string Run(params string[] arguments)
        {
            var (exit, output, error) = Machine.RunWith(apptainer, ["--silent", .. arguments], null, _directory.Path,
                ("HOME", _directory.Path));
            Assert.True(exit == 0, error);
            return output.TrimEnd();
        }

        _session.Run("New-SifImage a.sif box.tar -RunScript 'echo \"run $WHAT\"' -Labels @{ version = '1.2' } "
            + "-Environment @{ WHAT = 'it''s \"\\ $HOME `x' }");
        Assert.Empty(_session.Errors);
        Assert.Equal("run it's \"\\ $HOME `x", Run("run", "a.sif"));
        Assert.Contains("version: 1.2", Run("inspect", "--labels", "a.sif"), StringComparison.Ordinal);

        // The table moves, the root file system too, and it goes on running.
        _session.Run("1..50 | ForEach-Object { \"$_\" | Add-SifObject a.sif -DataType 7 -Force }");
        Assert.Equal("ran", Run("exec", "a.sif", "sh", "-c", "echo ran"));
        _session.Run("Get-SifDescriptor a.sif -DataType Generic, EnvironmentVariables | Remove-SifObject; Optimize-SifImage a.sif");
        Assert.Empty(_session.Errors);
        Assert.Equal("ran", Run("exec", "a.sif", "sh", "-c", "echo ran"));
    }

    [Theory]
    [InlineData("Squashfs")]
    [InlineData("Ext3")]
    public void A_file_system_is_taken_as_it_is(string fileSystem)
    {
        NeedPacker();
        Made($"New-SifImage first.sif root -FileSystem {fileSystem}");
        _session.Run("Export-SifObject first.sif 1 fs.img");
        var made = Made("New-SifImage a.sif fs.img -Labels @{ a = 1 }");
        Assert.Equal(Enum.Parse<SifFileSystem>(fileSystem), made.FileSystem);
        Dump(2);
        Assert.Equal(ImageFiles.Digest(_directory["fs.img"]), ImageFiles.Digest(_directory["part"]));
        var other = fileSystem == "Ext3" ? "Squashfs" : "Ext3";
        foreach (var arguments in new[] { "-RunScript x", "-Environment @{ A = 1 }", $"-FileSystem {other}" })
        {
            _session.Run($"New-SifImage b.sif fs.img {arguments}");
            ErrorAssert.Single(_session, ErrorIds.OptionConflict, ErrorCategory.InvalidArgument);
        }
    }

    [Fact]
    public void An_empty_image_is_siftools()
    {
        Machine.NeedTool("siftool");
        var made = Made("New-SifImage a.sif");
        Assert.Equal((0, 32176, ""), (made.ObjectCount, made.SizeBytes, made.LaunchScript));
        Assert.Null(made.FileSystem);
        Assert.Equal(0, Machine.Run("siftool", "list", made.Path).ExitCode);
        Assert.Equal("#!/bin/sh", Made("New-SifImage b.sif -LaunchScript '#!/bin/sh'").LaunchScript);
        Assert.Equal("1987D6041B278A3A87810475CE3BBE5416BC0301471C29C1E2F020579A61F815",
            ImageFiles.Digest(Made("New-SifImage c.sif -Deterministic").Path));
    }

    [Theory]
    [InlineData("root", "Squashfs")]
    [InlineData("root", "Ext3")]
    [InlineData("root.tar", "Squashfs")]
    [InlineData("root.tar", "Ext3")]
    public void The_same_source_makes_the_same_bytes(string source, string fileSystem)
    {
        NeedPacker();
        var command = $"New-SifImage $args[0] {source} -FileSystem {fileSystem} -Deterministic -RunScript x -Environment @{{ A = 1 }}";
        _session.Run(command, "a.sif");
        Assert.Empty(_session.Errors);
        // Times have whole seconds.
        Thread.Sleep(1100);
        _session.Run(command, "b.sif");
        Assert.Equal(ImageFiles.Digest(_directory["a.sif"]), ImageFiles.Digest(_directory["b.sif"]));
        using var image = SifImage.Open(_directory["a.sif"], TestContext.Current.CancellationToken);
        Assert.True(image.IsDeterministic);
    }

    [Theory]
    [InlineData("New-SifImage a.sif -RunScript x", ErrorIds.OptionConflict, ErrorCategory.InvalidArgument)]
    [InlineData("New-SifImage a.sif root -Environment @{ '1x' = 1 }", ErrorIds.SifInvalidValue, ErrorCategory.InvalidArgument)]
    [InlineData("New-SifImage a.sif root -LaunchScript 12345678901234567890123456789012", ErrorIds.SifInvalidValue,
        ErrorCategory.InvalidArgument)]
    [InlineData("New-SifImage a.sif evil.tar", ErrorIds.TarMemberRefused, ErrorCategory.SecurityError)]
    [InlineData("New-SifImage a.sif evil.tar -FileSystem Ext3", ErrorIds.TarMemberRefused, ErrorCategory.SecurityError)]
    public void A_failure_makes_nothing(string command, string id, ErrorCategory category)
    {
        File.WriteAllText(_directory["outside"], "x");
        Directory.CreateDirectory(_directory["in"]);
        Machine.RunWith("tar", ["-P", "-cf", _directory["evil.tar"], "../outside"], null, _directory["in"]);
        var before = ImageFiles.Names(_directory);
        Assert.Empty(_session.Run(command));
        ErrorAssert.Single(_session, id, category);
        Assert.Equal(before, ImageFiles.Names(_directory));
    }

    private static void NeedPacker()
    {
        Machine.NeedTool("mksquashfs");
        Machine.NeedTool("unsquashfs");
    }

    private SifImageInfo Made(string command)
    {
        var emitted = _session.Run(command);
        Assert.Empty(_session.Errors);
        Assert.Empty(_session.Warnings);
        return Assert.IsType<SifImageInfo>(Assert.Single(emitted).BaseObject);
    }

    private void Dump(uint id) =>
        SifExporter.ToFile(_directory["a.sif"], id, _directory["part"], force: true, token: TestContext.Current.CancellationToken);

    private string Tree(string root) => Machine.RunWith("sh",
        ["-c", "find . -printf '%P %y %m %U:%G %l %Ts\\n' | sort; find . -type f -exec sha256sum {} + | sort"], null,
        _directory[root]).Output;
}
