using System.Globalization;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Ext;

/// <summary>Fills a mounted file system with all that a reader has to understand.</summary>
internal static class KernelTree
{
    /// <summary>Makes the tree.</summary>
    /// <param name="point">Where the file system is mounted, with lists and attributes.</param>
    /// <param name="names">Names in the large directory.</param>
    /// <param name="sparseEnd">Where the last byte of the largest sparse file is.</param>
    public static void Fill(string point, int names, long sparseEnd)
    {
        Machine.NeedTool("setfattr");
        Machine.NeedTool("setfacl");
        var upper = Directory.CreateDirectory(point + "/upper").FullName;
        Directory.CreateDirectory(point + "/work");
        File.WriteAllBytes(upper + "/small", SampleTree.Bytes(1, 777));
        File.WriteAllBytes(upper + "/empty", []);
        File.WriteAllBytes(upper + "/large", SampleTree.Bytes(2, 5_000_001));
        File.WriteAllBytes(upper + "/tiny", [7]);
        Sparse(upper + "/sparse", sparseEnd);
        Fragmented(upper);
        Pieces(upper + "/pieces", 2000);
        Names(upper + "/many", names);
        foreach (var length in SampleTree.LinkLengths)
            File.CreateSymbolicLink($"{upper}/link{length}", new string('x', Math.Min(length, 1000)));
        File.WriteAllText(upper + "/" + new string('n', 255), "long");
        Shell($$"""
            cd '{{upper}}'
            ln large also-large; ln small 'deep name'; mkdir -p a/b/c/d/e; chmod 3777 a; chmod 4751 tiny
            mknod null c 1 3; mknod disk b 259 300; mknod whiteout c 0 0; mknod far c 300 70000; mkfifo pipe
            python3 -c 'import socket; s = socket.socket(socket.AF_UNIX); s.bind("socket")' 2>/dev/null || true
            chown 70000:3000000000 small a; chown -h 65536:65537 link60 null
            printf 'x' > "$(printf 'not\377text')"
            setfattr -n user.short -v y small; setfattr -n user.empty large; setfattr -n trusted.overlay.opaque -v y a
            setfattr -n user.long -v '{{new string('v', 600)}}' large
            setfattr -n user.one -v '{{new string('1', 20)}}' a/b; setfattr -n user.two -v '{{new string('2', 40)}}' a/b
            setfattr -n user.three -v '{{new string('3', 300)}}' a/b
            setfattr -h -n trusted.note -v link link60; setfattr -h -n trusted.note -v device null
            setfattr -n security.capability -v 0x0100000200040000000000000000000000000000 tiny
            setfacl -m u:1234:rw,g:4321:r large a; setfacl -d -m u:7:rwx,g:8:x a
            for i in 1 2 3 4 5; do echo $i > same$i; setfattr -n user.same -v '{{new string('s', 200)}}' same$i; done
            chattr +A same1; chattr +d same2
            touch -d '2100-02-03 04:05:06.123456789' same3; touch -d '1960-01-01 00:00:00.5' same4
            touch -h -d '2299-12-31 23:59:59.999999999' link1
            fallocate -o 500000 -l 300000 reserved 2>/dev/null || true; printf x | dd of=reserved bs=1 seek=600001 conv=notrunc status=none
            fallocate -n -l 500000 same5 2>/dev/null || true
            touch -a -d '2001-01-01 01:01:01.987654321' same5
            touch -d '2010-10-10 10:10:10.1' a/b .
            """);
    }

    private static void Names(string path, int count)
    {
        Directory.CreateDirectory(path);
        var source = path + "/name that is linked";
        File.WriteAllText(source, "content");
        Shell(string.Create(CultureInfo.InvariantCulture,
            $"cd '{path}' && seq 1 {count} | sed 's/.*/a file with number & in its name/' | xargs -d '\\n' touch && rm -f *7?in* *99*"));
    }

    private static void Sparse(string path, long end)
    {
        using var file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite);
        // Direct blocks, then each level of indirect ones for blocks of one and of four KiB.
        foreach (var at in new[] { 0L, 5000, 100_000, 3_000_000, 70L << 20, end - 700 })
            RandomAccess.Write(file, SampleTree.Bytes((int)at, 700), at);
    }

    private static void Pieces(string path, int count)
    {
        using var file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite);
        for (var i = 0; i < count; i++)
            RandomAccess.Write(file, [(byte)(i + 1)], i * 8192L);
    }

    // Two files that grow in turns, so that neither lies in one piece.
    private static void Fragmented(string upper)
    {
        using var one = new FileStream(upper + "/fragments1", FileMode.CreateNew);
        using var two = new FileStream(upper + "/fragments2", FileMode.CreateNew);
        for (var i = 0; i < 200; i++)
        {
            one.Write(SampleTree.Bytes(i, 8192));
            one.Flush(true);
            two.Write(SampleTree.Bytes(-i - 1, 4096));
            two.Flush(true);
            if (i % 3 == 0)
                two.Position += 16384;
        }
    }

    private static void Shell(string script) => Ext3Image.Run("sh", "-e", "-c", script);
}
