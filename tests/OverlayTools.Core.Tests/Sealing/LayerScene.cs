using OverlayTools.Core.Tests.Ext;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Sealing;

/// <summary>A base and two layers that the kernel wrote on it: directories, and what they show together.</summary>
internal sealed class LayerScene : IDisposable
{
    private readonly TemporaryDirectory _folder = new();
    private readonly List<string> _mounts = [];
    private readonly bool _onDisk;

    public LayerScene()
    {
        Machine.NeedRoot();
        Machine.NeedTool("sqfstar");
        // Of its own, with all attributes: /tmp may be on anything.
        Ext3Image.Run("sh", "-ec", $"truncate -s 512M '{this["disk"]}'; mkfs.ext4 -q '{this["disk"]}'; mkdir '{this["d"]}'; "
            + $"mount -o loop '{this["disk"]}' '{this["d"]}'; cd '{this["d"]}'; mkdir base one two one/upper one/work two/upper two/work m");
        _onDisk = true;
    }

    public string this[string name] => _folder[name];

    public string Base => this["d/base"];

    public string One => this["d/one"];

    public string Two => this["d/two"];

    /// <summary>Runs shell text in the base.</summary>
    public void OnBase(string script) => Ext3Image.Run("sh", "-c", $"cd '{Base}'; {script}");

    /// <summary>Runs shell text on the overlay of the kernel that writes a layer.</summary>
    public void Write(string layer, string lower, string script, string more = "")
    {
        Stack($"lowerdir={lower},upperdir={layer}/upper,workdir={layer}/work{more}", point => Ext3Image.Run("sh", "-c", $"cd '{point}'; {script}"));
    }

    /// <summary>Mounts a stack and does something there.</summary>
    public void Stack(string options, Action<string> work, string type = "overlay")
    {
        var point = this["d/m"];
        if (type == "overlay")
            Ext3Image.Run("mount", "-t", "overlay", "overlay", "-o", options, point);
        else
            Ext3Image.Run("fuse-overlayfs", "-o", options, point);
        try
        {
            work(point);
        }
        finally
        {
            Ext3Image.Run("umount", point);
        }
    }

    /// <summary>What the stack shows.</summary>
    public string View(string lowers, string more = "")
    {
        var view = "";
        // One layer alone is no stack for the kernel.
        Stack($"lowerdir={lowers}{more}", point => view = StackView.Of(point));
        return view;
    }

    /// <summary>Mounts a file system image, read-only, until the end.</summary>
    public string Mount(string image, long offset = 0)
    {
        var point = this["m" + _mounts.Count];
        Directory.CreateDirectory(point);
        Ext3Image.Run("mount", "-o", $"loop,ro,offset={offset}", image, point);
        _mounts.Add(point);
        return point;
    }

    /// <summary>Writes the marks of a layer as fuse-overlayfs does.</summary>
    public static void UseFuseMarks(string layer) => Ext3Image.Run("bash", "-ec", $$"""
        cd '{{layer}}/upper'
        times=$(mktemp); find . -type d -printf '%T@ %p\0' >"$times"
        find . -type c -print0 | while IFS= read -rd '' f; do
            [ "$(stat -c %t:%T "$f")" = 0:0 ] || continue
            rm "$f"; install -m 700 /dev/null "${f%/*}/.wh.${f##*/}"
        done
        find . -type d -print0 | while IFS= read -rd '' d; do
            [ "$(getfattr --only-values -n trusted.overlay.opaque "$d" 2>/dev/null)" = y ] || continue
            setfattr -x trusted.overlay.opaque "$d"
            setfattr -n user.fuseoverlayfs.opaque -v y "$d"; : >"$d/.wh..wh..opq"; mknod "$d/.wh..opq" c 0 0
        done
        while IFS= read -rd '' line; do touch -d "@${line%% *}" "${line#* }"; done <"$times"
        rm "$times"
        """);

    /// <summary>Asserts that e2fsck has nothing to say.</summary>
    public static void AssertClean(string image)
    {
        var (exitCode, output, error) = Machine.Run("e2fsck", "-fn", image);
        Assert.True(exitCode == 0 && !output.Contains("Fix?", StringComparison.Ordinal), output + error);
    }

    public void Dispose()
    {
        // A FUSE program that was told to end may still have a layer open.
        foreach (var point in _mounts.AsEnumerable().Reverse())
            Machine.Run("umount", "-l", point);
        if (_onDisk)
            Machine.Run("umount", "-l", this["d"]);
        _folder.Dispose();
    }
}
