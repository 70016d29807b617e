using OverlayTools.TestSupport;

namespace OverlayTools.Tests.Containers;

/// <summary>How a container is set up: each option, seen from inside.</summary>
public class OptionTests
{
    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    [InlineData(Who.FakeRoot)]
    public void Parts_of_the_host_and_of_images_are_bound(Who who)
    {
        using var scene = new Scene(who);
        Directory.CreateDirectory(scene["a:b/sub"]);
        File.WriteAllText(scene["a:b/sub/f"], "mine\n");
        File.Copy(ContainerImages.Squashfs, scene["data.sqfs"]);
        scene.Own(scene["a:b"]);
        scene.Own(scene["data.sqfs"]);
        var output = scene.Lines(
            "$table = @{ Source = './a:b'; Destination = '/mnt/c,d' }",
            scene.Invoke("-Bind $table", "cat /mnt/c,d/sub/f; echo more >>/mnt/c,d/sub/f"),
            scene.Invoke(@"-Bind './a\:b/sub:/mnt/x:ro'", "cat /mnt/x/f; echo no >>/mnt/x/f || echo refused") + " 2>$null",
            scene.Invoke("-Bind 'data.sqfs:/mnt/d:image-src=/data'", "cat /mnt/d/a; cat /mnt/d/sub/b"),
            scene.Invoke("-Bind 'data.sqfs:/mnt/f:image-src=/data/a', 'c.sif:/mnt/s:id=1'", "cat /mnt/f; ls /mnt/s/data"),
            scene.Invoke("-Bind './a\\:b:/data/sub/new/place'", "ls /data/sub/new/place; cat /data/a"),
            "$env:APPTAINER_BIND = \"$PWD/a\\:b/sub:/opt/site\"", scene.Invoke("", "ls /opt/site; echo $APPTAINER_BIND"), "$env:APPTAINER_BIND = $null");
        Assert.Equal(["mine", "mine", "more", "refused", "original", "below", "original", "a", "sub", "sub", "original", "f", "/opt/site"], output);
        Assert.Equal("mine\nmore\n", File.ReadAllText(scene["a:b/sub/f"]));
    }

    [Theory]
    [InlineData(Who.Root, "")]
    [InlineData(Who.User, "")]
    [InlineData(Who.FakeRoot, "")]
    [InlineData(Who.Root, "o")]
    [InlineData(Who.User, "o")]
    public void What_is_bound_over_a_link_of_the_image_shows_where_Apptainer_shows_it(Who who, string overlay)
    {
        using var scene = new Scene(who);
        scene.MakeDirectoryImage();
        Directory.CreateDirectory(scene["root/zone"]);
        File.WriteAllText(scene["root/zone/image"], "the image's zone");
        foreach (var (link, target) in new[]
        {
            // A link in the image leads nowhere but in the image, however many steps it goes up.
            ("localtime", "/zone/image"), ("hosts", "../../../../data/hosts"), ("resolv.conf", "/run/gone/resolv.conf"),
        })
            File.CreateSymbolicLink(scene["root/etc/" + link], target);
        File.WriteAllText(scene["root/data/hosts"], "the image's hosts");
        File.CreateSymbolicLink(scene["root/data/link"], "../data/sub");
        File.CreateSymbolicLink(scene["root/data/away"], "/nowhere/yet");
        Directory.CreateDirectory(scene["bound"]);
        File.WriteAllText(scene["bound/f"], "bound");
        foreach (var name in new[] { "root", "bound" })
            scene.Own(scene[name]);
        const string probe = """
            for f in /etc/localtime /etc/hosts /etc/resolv.conf /zone/image /data/hosts; do
                if test -L $f; then echo "$f is a link"; fi
                md5sum $f
            done
            ls /data/link /data/sub /nowhere/yet
            """;
        File.WriteAllText(scene["probe"], probe);
        foreach (var name in new[] { "o", "o2" })
        {
            Directory.CreateDirectory(scene[name]);
            scene.Own(scene[name]);
        }

        var binds = new[] { "bound:/data/link", "bound:/data/away", "probe:/probe" }.Select(bind => scene[bind]).ToList();
        var ours = scene.Lines(scene.Invoke(
            $"-Bind {string.Join(", ", binds.Select(bind => $"'{bind}'"))}{(overlay == "" ? "" : " -Overlay " + overlay)}", ". /probe", "root"));
        var theirs = scene.Apptainer(
            string.Join(' ', binds.Select(bind => "--bind " + bind)) + (overlay == "" ? "" : $" --overlay {overlay}2"), ". /probe", "root");
        Assert.Equal(theirs.Split('\n', StringSplitOptions.RemoveEmptyEntries), ours);
        Assert.Equal("the image's zone", File.ReadAllText(scene["root/zone/image"]));
        Assert.DoesNotContain("/etc/localtime is a link", ours);
        Assert.Contains("/etc/hosts is a link", ours);
        var host = Machine.Run("md5sum", "/etc/localtime").Output.Split(' ')[0];
        Assert.Equal(host, ours[0].Split(' ')[0]);
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    public void A_bind_that_cannot_be_made_is_an_error_and_makes_nothing_on_the_host(Who who)
    {
        using var scene = new Scene(who);
        Directory.CreateDirectory(scene["src"]);
        var (output, error) = scene.Run(
            "$ErrorActionPreference = 'SilentlyContinue'",
            // Below /tmp, which is the host's: nothing is made there.
            scene.Invoke($"-Bind src:{scene["absent"]}/x", "true"), "($Error[0].FullyQualifiedErrorId -split ',')[0]; $LASTEXITCODE",
            scene.Invoke("-Bind gone:/x", "true"), "($Error[0].FullyQualifiedErrorId -split ',')[0]",
            scene.Invoke("-Bind src:x", "true"), "($Error[0].FullyQualifiedErrorId -split ',')[0]",
            scene.Invoke("-Bind 'c.sif:/x:image-src=/gone'", "true"), "($Error[0].FullyQualifiedErrorId -split ',')[0]",
            scene.Invoke("-WorkingDirectory /gone", "true"), "($Error[0].FullyQualifiedErrorId -split ',')[0]");
        Assert.Equal("ContainerStartFailed\n255\nOverlayFileNotFound\nContainerOptionInvalid\nSifDescriptorNotFound\nContainerStartFailed\n", output);
        Assert.Equal(string.Empty, error);
        Assert.False(Path.Exists(scene["absent"]));
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    [InlineData(Who.FakeRoot)]
    public void Scratch_directories_and_a_contained_home_forget_or_keep(Who who)
    {
        using var scene = new Scene(who);
        Directory.CreateDirectory(scene["w"]);
        scene.Own(scene["w"]);
        var output = scene.Lines(
            scene.Invoke("-Contain -Scratch /sc, /data/sc", "pwd; touch /sc/a /data/sc/b $HOME/c /tmp/d; ls /sc /data/sc $HOME /tmp | grep -c ."),
            scene.Invoke("-Contain -Scratch /sc", "ls /sc $HOME /tmp | grep -c ^.$"),
            scene.Invoke("-Contain -ContainDirectory w -Scratch /sc", "echo kept | tee /sc/a $HOME/c /tmp/d /var/tmp/e >/dev/null"),
            scene.Invoke("-Contain -ContainDirectory w -Scratch /sc", "cat /sc/a $HOME/c /tmp/d /var/tmp/e"));
        var home = who == Who.User ? "/home/ot-tester" : "/root";
        // Two names, a line with a colon for each directory, and the empty lines between are not counted.
        Assert.Equal([home, "8", "0", "kept", "kept", "kept", "kept"], output);
        Assert.Equal("kept\n", File.ReadAllText(scene["w/scratch/sc/a"]));
        Assert.Equal("kept\n", File.ReadAllText(scene["w/var_tmp/e"]));
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    public void Memory_is_limited(Who who)
    {
        using var scene = new Scene(who);
        const string fill = "dd if=/dev/zero of={0}/f bs=1024 count=4096 2>/dev/null && echo fits || echo full";
        Assert.Equal(["full", "fits", "full", "fits"], scene.Lines(
            scene.Invoke("-WritableTmpfs -TmpfsSizeBytes 1MB", string.Format(System.Globalization.CultureInfo.InvariantCulture, fill, "/data")),
            scene.Invoke("-WritableTmpfs -TmpfsSizeBytes 64MB", string.Format(System.Globalization.CultureInfo.InvariantCulture, fill, "/data")),
            scene.Invoke("-Contain -TmpfsSizeBytes 1MB", string.Format(System.Globalization.CultureInfo.InvariantCulture, fill, "/tmp")),
            scene.Invoke("-Contain", string.Format(System.Globalization.CultureInfo.InvariantCulture, fill, "/tmp"))));
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    [InlineData(Who.FakeRoot)]
    public void A_process_namespace_has_its_own_processes_signals_and_end(Who who)
    {
        using var scene = new Scene(who);
        var (output, error) = scene.Run(
            scene.Invoke("-PidNamespace", "[ $(ps | grep -c .) -lt 10 ] && echo few; exit 6"), "$LASTEXITCODE",
            scene.Invoke("-PidNamespace", "kill -TERM $$"), "$LASTEXITCODE",
            // What is left behind goes with the first process.
            scene.Invoke("-PidNamespace", "sleep 1000 & echo left"), "$LASTEXITCODE",
            "'in' | " + scene.Invoke("-PidNamespace", "cat"),
            $"Invoke-ContainerWithOverlay c.sif {scene.Identity} -PidNamespace -- no-such-command 2>$null", "$LASTEXITCODE",
            scene.Invoke("-NetworkNone -Hostname box.example -IpcNamespace", "hostname; cat /etc/hostname; ping -c 1 127.0.0.1 >/dev/null 2>&1 || cat /proc/net/dev | grep -c :"));
        Assert.Equal(string.Empty, error);
        Assert.Equal(["few", "6", "143", "left", "0", "in", "127", "box.example", "box.example"], output.Split('\n', StringSplitOptions.RemoveEmptyEntries)[..9]);
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    [InlineData(Who.FakeRoot)]
    public void Without_privileges_nobody_has_capabilities(Who who)
    {
        using var scene = new Scene(who);
        Assert.Equal(["CapPrm:\t0000000000000000", "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1"],
            scene.Lines(scene.Invoke("-NoPrivileges", "grep -E \"^(CapPrm|CapEff|CapBnd|NoNewPrivs)\" /proc/self/status")));
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    public void The_command_has_the_callers_mask_and_what_is_made_for_it_has_not(Who who)
    {
        using var scene = new Scene(who);
        var script = "umask; touch /tmp/ot-$$; stat -c %a /tmp/ot-$$; rm /tmp/ot-$$; cd /; stat -c %a $(dirname /opt/made/x) /opt";
        var (output, error) = scene.RunAfter("umask 0077", scene.Invoke("-WritableTmpfs -Bind /usr:/opt/made/x:ro", script));
        Assert.Equal(string.Empty, error);
        Assert.Equal("0077\n600\n755\n755\n", output);
    }

    [Theory]
    [InlineData("")]
    [InlineData("-PidNamespace")]
    public void A_writer_whom_nobody_reads_ends_without_a_word(string options)
    {
        using var scene = new Scene(Who.Root);
        Assert.Equal(["y"], scene.Lines(scene.Invoke(options, "yes | head -n 1")));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Root_can_run_in_a_user_namespace(bool overlay)
    {
        using var scene = new Scene(Who.Root);
        scene.Lines(scene.NewOverlay("o.img"));
        var output = scene.Lines(
            scene.Invoke("-UserNamespace" + (overlay ? " -Overlay o.img" : " -WritableTmpfs"),
                "id -u; tr -s \" \" </proc/self/uid_map; echo changed >/data/a; cat /data/a"),
            scene.Invoke("-UserNamespace -Overlay o.img:ro", "cat /data/a"));
        Assert.Equal(["0", " 0 0 1", "changed", overlay ? "changed" : "original"], output);
        scene.AssertClean("o.img");
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    [InlineData(Who.FakeRoot)]
    public void An_object_of_Get_OverlayImage_is_an_overlay_and_names_its_partition(Who who)
    {
        using var scene = new Scene(who);
        File.Copy(scene["c.sif"], scene["o.sif"]);
        scene.Own(scene["o.sif"]);
        var output = scene.Lines(
            scene.NewOverlay("o[1].img"), scene.NewOverlay("o.sif"),
            scene.Invoke("-Overlay (Get-OverlayImage -LiteralPath 'o[1].img')", "echo 1 >/data/a"),
            scene.Invoke("-Overlay 'o[1].img:ro'", "cat /data/a"),
            scene.Invoke("-Overlay (Get-OverlayImage o.sif)", "echo 2 >/data/a"),
            scene.Invoke("-Overlay @{ Path = 'o.sif'; Id = 2; ReadOnly = $true }", "cat /data/a; echo 3 >/data/a || echo refused") + " 2>$null",
            scene.Invoke("-Overlay ([IO.FileInfo]::new(\"$PWD/o[1].img\"))", "cat /data/a"));
        Assert.Equal(["1", "2", "refused", "1"], output);
    }

    [Theory]
    [InlineData(Who.Root)]
    [InlineData(Who.User)]
    public void A_plan_is_emitted_or_printed_and_nothing_is_run(Who who)
    {
        using var scene = new Scene(who);
        var output = string.Join('\n', scene.Lines(
            scene.NewOverlay("o.img"),
            $"$plan = Invoke-ContainerWithOverlay c.sif -Overlay o.img -Hostname box -PlanOnly -- touch {scene["touched"]}",
            "$plan.GetType().Name; $plan.Layers.Count; $plan.Stack.Upper; $plan.Namespaces.Hostname; $plan.Command[0]",
            $"Invoke-ContainerWithOverlay c.sif -Overlay o.img -WhatIf -- touch {scene["touched"]}"));
        Assert.StartsWith("ContainerPlan\n2\n1\nbox\ntouch\n", output);
        Assert.Contains("What if: Run touch ", output);
        Assert.Contains("layers, bottom to top:", output);
        Assert.False(File.Exists(scene["touched"]));
        scene.AssertClean("o.img");
    }

    [Fact]
    public void A_user_without_subordinate_ids_is_root_by_the_fakeroot_command()
    {
        using var scene = new Scene(Who.User);
        Machine.NeedTool("fakeroot");
        Machine.NeedTool("unshare");
        // The host's programs, so that the host's fakeroot finds its C library; and no line for the user in /etc/subuid.
        Directory.CreateDirectory(scene["image"]);
        foreach (var name in new[] { "usr", "tmp", "proc", "dev", "etc", "sys", "home", "root", "var/tmp" })
            Directory.CreateDirectory(scene["image/" + name]);
        foreach (var name in new[] { "bin", "lib", "lib64", "sbin" })
        {
            if (new DirectoryInfo("/" + name).LinkTarget is not null)
                File.CreateSymbolicLink(scene["image/" + name], "usr/" + name);
        }

        scene.Own(scene["image"]);
        File.WriteAllText(scene["empty"], "");
        var (output, error) = scene.RunHidden(["/etc/subuid", "/etc/subgid"], scene["empty"],
            "Invoke-ContainerWithOverlay image -FakeRoot -WritableTmpfs -Bind /usr:/usr:ro -- sh -c 'id -u; cat /proc/self/uid_map | tr -s \" \"; touch /tmp/ot-f; chown 5:6 /tmp/ot-f; stat -c \"%u %g\" /tmp/ot-f; rm /tmp/ot-f; exit 3'",
            "$LASTEXITCODE");
        Assert.Equal(string.Empty, error);
        var lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal("0", lines[0]);
        Assert.EndsWith(" 1", lines[1]);
        Assert.Equal(["5 6", "3"], lines[2..]);
    }
}
