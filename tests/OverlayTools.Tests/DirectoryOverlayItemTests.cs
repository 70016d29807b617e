using System.Management.Automation;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests;

/// <summary>Copy-OverlayItem and Remove-OverlayItem on overlays that are directories, judged by the kernel's overlayfs.</summary>
public sealed class DirectoryOverlayItemTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new TemporaryDirectory().OpenToAll();
    private readonly ModuleSession _session;

    public DirectoryOverlayItemTests()
    {
        _session = new ModuleSession(_directory.Path);
        Shell("""
            mkdir -p o/upper o/work base/etc/sub base/usr/lib merged source/tree/deep
            echo base >base/etc/a; echo base >base/etc/sub/b; echo base >base/usr/lib/c
            echo inside >source/tree/deep/x; echo foo >source/foo; ln -s /etc/shadow source/link
            """);
    }

    public void Dispose()
    {
        _session.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public void Files_and_trees_are_copied_in()
    {
        Shell("""
            setfattr -n user.note -v yes source/tree/deep/x; ln source/tree/deep/x source/tree/hard; chmod 4750 source/tree/hard
            truncate -s 50M source/tree/holes; printf end >>source/tree/holes; mkfifo source/tree/pipe; touch -d @86400 source/tree
            """);
        Assert.Equal(["/opt/new/foo", "/opt/new/tree", "/opt/new/link"],
            Lines("(Copy-OverlayItem source/foo, source/tree, source/link -Image o -ItemDestination /opt/new -Recurse -PassThru).ItemPath"));
        Assert.Equal(Listing("source/tree"), Listing("o/upper/opt/new/tree"));
        Assert.True(ImageFiles.AllocatedBytes(_directory["o/upper/opt/new/tree/holes"]) < 1 << 20);
        Assert.Equal("/etc/shadow", new FileInfo(_directory["o/upper/opt/new/link"]).LinkTarget);

        _session.Run("Copy-OverlayItem source/foo -Image o -ItemDestination /opt/new");
        ErrorAssert.Single(_session, ErrorIds.OverlayAlreadyExists, ErrorCategory.ResourceExists);
        _session.Run("Copy-OverlayItem source/tree -Image o -ItemDestination /");
        ErrorAssert.Single(_session, ErrorIds.OverlayDirectoryNotEmpty, ErrorCategory.InvalidOperation);
        _session.Run("Copy-OverlayItem source/tree, source/foo -Image o -ItemDestination /opt/new/foo -Recurse");
        ErrorAssert.Single(_session, ErrorIds.OverlayWrongFileType, ErrorCategory.InvalidArgument);
        _session.Run("Copy-OverlayItem source/foo -Image o -ItemDestination / -Id 1");
        ErrorAssert.Single(_session, ErrorIds.OptionConflict, ErrorCategory.InvalidArgument);
        Shell("echo other >source/foo; echo more >source/tree/more");
        Assert.Empty(Lines("Copy-OverlayItem source/foo, source/tree -Image o -ItemDestination /opt/new -Recurse -Force"));
        Assert.Equal("other\nmore\ninside\n", Shell("cd o/upper/opt/new; cat foo tree/more tree/deep/x"));
        AssertNothingLeft();
    }

    [Fact]
    public void Root_keeps_owners_gives_others_or_takes_those_of_upper()
    {
        Machine.NeedRoot();
        Shell("chown 1234:1235 o/upper; chown -R 77:78 source");
        Lines("Copy-OverlayItem source/foo -Image o -ItemDestination /a/b; Copy-OverlayItem source/foo -Image o -ItemDestination /keep -KeepOwner; "
            + "Copy-OverlayItem source/foo -Image o -ItemDestination /own -Owner 5:6; Remove-OverlayItem o /gone/x -Whiteout");
        Assert.Equal("1234:1235 1234:1235 77:78 5:6 1234:1235 1234:1235",
            Shell("cd o/upper; echo $(stat -c %u:%g a a/b/foo keep/foo own/foo keep gone/x)").Trim());
    }

    [Fact]
    public void What_was_removed_shows_the_base_again_and_what_is_hidden_does_not_for_the_kernel()
    {
        Machine.NeedRoot();
        Lines("Remove-OverlayItem o /etc/a, /usr/lib -Whiteout; Copy-OverlayItem source/tree -Image o -ItemDestination /etc -Recurse");
        Assert.Equal(["etc", "etc/sub", "etc/sub/b", "etc/tree", "etc/tree/deep", "etc/tree/deep/x", "usr"], Merged());
        Assert.Equal(["/etc/a Whiteout", "/usr/lib Whiteout"],
            Lines("Get-OverlayItem o -Recurse | ? Meaning -eq Whiteout | % { \"$($_.ItemPath) $($_.Meaning)\" }"));

        // A directory in place of the deleted one, and a file of the same name as a deleted file.
        Shell("mkdir -p source/lib; echo mine >source/a");
        Lines("Copy-OverlayItem source/lib -Image o -ItemDestination /usr -Recurse; Copy-OverlayItem source/a -Image o -ItemDestination /etc");
        Assert.Equal(["etc", "etc/a", "etc/sub", "etc/sub/b", "etc/tree", "etc/tree/deep", "etc/tree/deep/x", "usr", "usr/lib"], Merged());
        Assert.Equal(["OpaqueDirectory"], Lines("(Get-OverlayItem o /usr/lib).Meaning"));

        // A directory of the overlay is replaced by a mark; and the mark is taken away.
        Lines("Remove-OverlayItem o /etc/tree, /usr/lib -Recurse -Whiteout; Remove-OverlayItem o /etc/a, /usr/lib");
        Assert.Equal(["etc", "etc/a", "etc/sub", "etc/sub/b", "usr", "usr/lib", "usr/lib/c"], Merged());
        Lines("Get-OverlayItem o -Recurse | Remove-OverlayItem -Recurse");
        Assert.Empty(Directory.EnumerateFileSystemEntries(_directory["o/upper"]));
    }

    [Fact]
    public void Errors_of_removing_are_those_of_images_and_remove_nothing()
    {
        Shell("mkdir -p o/upper/d/e; echo 1 >o/upper/d/e/f; echo 2 >o/upper/g; ln -s /etc o/upper/link");
        var before = Listing("o");
        foreach (var (items, id) in new[]
        {
            ("/g, /d", ErrorIds.OverlayDirectoryNotEmpty), ("/g, /none", ErrorIds.OverlayItemNotFound), ("/", ErrorIds.InvalidDirectoryName),
            ("/link/passwd", ErrorIds.OverlayItemNotFound), ("/g/../../x", ErrorIds.InvalidDirectoryName),
        })
        {
            _session.Run($"Remove-OverlayItem o {items}");
            Assert.Equal(id, Assert.Single(_session.Errors).FullyQualifiedErrorId.Split(',')[0]);
            Assert.Equal(before, Listing("o"));
        }

        _session.Run("Remove-OverlayItem o /g, /link/x -Whiteout");
        ErrorAssert.Single(_session, ErrorIds.OverlayWrongFileType, ErrorCategory.InvalidArgument);
        foreach (var script in new[] { "Remove-OverlayItem o /d -Recurse -WhatIf", "Remove-OverlayItem o /new -Whiteout -WhatIf",
            "Copy-OverlayItem source -Image o -ItemDestination /x -Recurse -WhatIf" })
            Assert.Empty(Lines(script));
        Assert.Equal(before, Listing("o"));
        Lines("Remove-OverlayItem o /d/e/f, /d/e, /g");
        Assert.Equal(["d", "link"], Directory.EnumerateFileSystemEntries(_directory["o/upper"]).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void No_link_in_the_overlay_leads_out_of_it()
    {
        Shell("mkdir -p outside/dir; echo mine >outside/file; ln -s \"$PWD/outside\" o/upper/etc; ln -s \"$PWD/outside\" o/upper/foo");
        foreach (var script in new[] { "Copy-OverlayItem source/foo -Image o -ItemDestination /etc", "Copy-OverlayItem source/foo -Image o -ItemDestination /etc/dir -Force",
            "Remove-OverlayItem o /etc/file", "Remove-OverlayItem o /etc/file -Whiteout" })
        {
            _session.Run(script);
            Assert.NotEmpty(_session.Errors);
        }

        Lines("Copy-OverlayItem source/foo -Image o -ItemDestination / -Force");
        Assert.Equal("foo\n", File.ReadAllText(_directory["o/upper/foo"]));
        Lines("Remove-OverlayItem o /etc -Recurse");
        Assert.Equal(["dir", "file"], Directory.EnumerateFileSystemEntries(_directory["outside"]).Select(Path.GetFileName).Order());

        // An upper that is itself a link is none.
        Shell("mkdir l; ln -s \"$PWD/outside\" l/upper");
        _session.Run("Copy-OverlayItem source/foo -Image l -ItemDestination /");
        ErrorAssert.Single(_session, ErrorIds.OverlayMissingUpper, ErrorCategory.InvalidData);
    }

    [Fact]
    public void An_overlay_that_is_in_use_is_left_alone()
    {
        using (var other = Native.Open.File(_directory["o"], Native.Open.ReadOnly | Native.Open.Directory))
        {
            Assert.Equal(0, Native.Flock.Try(other, exclusive: false));
            AssertInUse();
        }

        Machine.NeedRoot();
        Mount();
        try
        {
            AssertInUse();
            Assert.Contains("merged", _session.Errors[0].Exception.Message, StringComparison.Ordinal);
        }
        finally
        {
            Shell("umount merged");
        }

        Lines("Copy-OverlayItem source/foo -Image o -ItemDestination /");

        void AssertInUse()
        {
            foreach (var script in new[] { "Remove-OverlayItem o /x -Whiteout", "Copy-OverlayItem source/foo -Image o -ItemDestination /" })
            {
                _session.Run(script);
                ErrorAssert.Single(_session, ErrorIds.OverlayInUse, ErrorCategory.ResourceBusy);
                Assert.Empty(Directory.EnumerateFileSystemEntries(_directory["o/upper"]));
            }
        }
    }

    [Fact]
    public void A_copy_that_fails_leaves_nothing()
    {
        using var disk = new SmallDisk(_directory["small"], 4);
        Shell("mkdir -p small/o/upper small/o/work; mkdir many; for i in 1 2 3 4 5 6 7 8; do head -c 900000 /dev/urandom >many/$i; done");
        _session.Run("Copy-OverlayItem many -Image small/o -ItemDestination /a/b -Recurse");
        ErrorAssert.Single(_session, ErrorIds.DiskFull, ErrorCategory.ResourceUnavailable);
        Assert.Empty(Directory.EnumerateFileSystemEntries(disk["o/upper"]));
    }

    [Fact]
    public void A_copy_that_is_stopped_leaves_nothing()
    {
        Shell("mkdir many; for i in $(seq 400); do head -c 1000000 /dev/zero | tr '\\0' x >many/$i; done");
        _session.RunAndStop("Copy-OverlayItem many -Image o -ItemDestination /a -Recurse",
            () => Directory.EnumerateFileSystemEntries(_directory["o/upper"]).Any());
        Assert.False(Directory.Exists(_directory["o/upper/a"]), "It was copied before it could be stopped.");
        Assert.Empty(Directory.EnumerateFileSystemEntries(_directory["o/upper"]));
    }

    [Fact]
    public void Where_the_disk_takes_no_devices_a_mark_is_a_file_that_fuse_overlayfs_obeys()
    {
        Machine.NeedRoot();
        Machine.NeedTool("fuse-overlayfs");
        // The kernel's overlayfs refuses to make what would be its own mark.
        Shell("mkdir -p disk lower below/upper below/work; mount -t overlay none -o lowerdir=lower,upperdir=below/upper,workdir=below/work disk; "
            + "mkdir -p disk/o/upper disk/o/work");
        try
        {
            Lines("Remove-OverlayItem disk/o /etc/a, /usr/lib -Whiteout");
            Assert.Equal(["/etc/a NamedFile", "/usr/lib NamedFile"],
                Lines("Get-OverlayItem disk/o -Recurse | ? Meaning -eq Whiteout | % { \"$($_.HiddenPath) $($_.MarkForms)\" }"));
            Assert.Equal(["etc", "etc/sub", "etc/sub/b", "usr"], Fuse("disk/o"));
            Lines("Remove-OverlayItem disk/o /etc/a");
            Shell("mkdir -p source/lib");
            Lines("Copy-OverlayItem source/lib -Image disk/o -ItemDestination /usr -Recurse");
            Assert.Equal(["etc", "etc/a", "etc/sub", "etc/sub/b", "usr", "usr/lib"], Fuse("disk/o"));
        }
        finally
        {
            Shell("umount disk");
        }
    }

    [Fact]
    public void An_ordinary_user_does_the_same_and_is_told_what_cannot_be()
    {
        AsOrdinaryUser.Need();
        Shell($"chown -R {AsOrdinaryUser.Owner} o; mkdir source/lib; touch source/lib/new");
        var (output, error) = AsOrdinaryUser.Run(_directory,
            "Remove-OverlayItem o /etc/a, /usr/lib -Whiteout; Copy-OverlayItem source/lib -Image o -ItemDestination /usr -Recurse; "
            + "Copy-OverlayItem source/foo -Image o -ItemDestination /etc");
        Assert.Equal((string.Empty, string.Empty), (output, error));
        Assert.Equal($"{AsOrdinaryUser.Owner} {AsOrdinaryUser.Owner}", Shell("echo $(stat -c %u:%g o/upper/etc/a o/upper/etc/foo)").Trim());
        // Of fuse-overlayfs, and of the kernel in the user's own namespace.
        Assert.Equal(["etc", "etc/foo", "etc/sub", "etc/sub/b", "usr", "usr/lib", "usr/lib/new"], Fuse("o"));
        Assert.Equal(["etc", "etc/foo", "etc/sub", "etc/sub/b", "usr", "usr/lib", "usr/lib/new"],
            Names(Shell($"setpriv --reuid={AsOrdinaryUser.Id} --regid={AsOrdinaryUser.Id} --clear-groups unshare -Urm sh -c "
                + "'mount -t overlay none -o userxattr,lowerdir=base,upperdir=o/upper,workdir=o/work merged && cd merged && find . -mindepth 1'")));

        (output, error) = AsOrdinaryUser.Run(_directory, "Copy-OverlayItem source/foo -Image o -ItemDestination /k -KeepOwner");
        Assert.Contains("only root may give", output + error, StringComparison.Ordinal);
        Assert.True(File.Exists(_directory["o/upper/k/foo"]));
        (output, error) = AsOrdinaryUser.Run(_directory, "Copy-OverlayItem source/foo -Image o -ItemDestination /r -Owner 0:0");
        Assert.Contains("AccessDenied", output + error + Ids("Copy-OverlayItem source/foo -Image o -ItemDestination /r -Owner 0:0"), StringComparison.Ordinal);
        Assert.False(Path.Exists(_directory["o/upper/r"]));

        // What is somebody else's, below, is found before anything is gone.
        Shell("mkdir -p o/upper/d/mine o/upper/d/theirs; touch o/upper/d/mine/x o/upper/d/theirs/x; chown -R "
            + $"{AsOrdinaryUser.Owner} o/upper/d; chown -R 0:0 o/upper/d/theirs");
        var before = Listing("o/upper");
        Assert.Contains("AccessDenied", Ids("Remove-OverlayItem o /d -Recurse"), StringComparison.Ordinal);
        Assert.Equal(before, Listing("o/upper"));

        string Ids(string script) => AsOrdinaryUser.Run(_directory, $"try {{ {script} -ErrorAction Stop }} catch {{ $_.FullyQualifiedErrorId }}").Output;
    }

    [Fact]
    public void A_directory_that_its_owner_may_not_write_is_removed()
    {
        AsOrdinaryUser.Need();
        Shell($"mkdir -p o/upper/d/ro; touch o/upper/d/ro/x; chmod 0555 o/upper/d/ro; chown -R {AsOrdinaryUser.Owner} o");
        Assert.Equal((string.Empty, string.Empty), AsOrdinaryUser.Run(_directory, "Remove-OverlayItem o /d -Recurse"));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_directory["o/upper"]));
    }

    private void Mount() => Shell("mount -t overlay none -o \"lowerdir=base,upperdir=$PWD/o/upper,workdir=$PWD/o/work\" merged");

    // In a namespace of its own: whoever starts a process meanwhile would keep the mount.
    private string[] Merged() => Names(Shell("unshare --mount --propagation private sh -c 'mount -t overlay none "
        + "-o lowerdir=base,upperdir=o/upper,workdir=o/work merged && cd merged && find . -mindepth 1'"));

    private string[] Fuse(string overlay)
    {
        Machine.NeedTool("fuse-overlayfs");
        return Names(Shell($"fuse-overlayfs -o lowerdir=base,upperdir={overlay}/upper,workdir={overlay}/work merged; "
            + "(cd merged && find . -mindepth 1); umount merged"));
    }

    private static string[] Names(string found) =>
        [.. found.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(name => name[2..]).Order(StringComparer.Ordinal)];

    // Everything but the links' counts of directories and the times of access.
    private string Listing(string path) => Shell(
        $"cd {path}; find . -printf '%P %y %m %s %T@ %l %n %U:%G\\n' | sort; find . -type f -exec md5sum {{}} + | sort; getfattr -dR -m - . | sort");

    private void AssertNothingLeft() =>
        Assert.DoesNotContain(Directory.EnumerateFileSystemEntries(_directory["o"], ".*.tmp", SearchOption.AllDirectories), _ => true);

    private IReadOnlyList<string> Lines(string script)
    {
        var lines = _session.Lines(script);
        Assert.Empty(_session.Errors.Select(error => error.ToString()));
        return lines;
    }

    private string Shell(string script)
    {
        var (exitCode, output, error) = Machine.RunWith("bash", ["-ec", script], null, _directory.Path);
        Assert.True(exitCode == 0, output + error);
        return output;
    }
}
