using CsCheck;
using OverlayTools.Ext;
using OverlayTools.Ext.Check;
using OverlayTools.IO;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Ext.Edit;

/// <summary>Random sequences of all operations: the kernel sees what the model says, and e2fsck finds nothing.</summary>
public sealed class ExtEditorModelTests(ITestOutputHelper output)
{
    private const long MiB = 1 << 20;

    private static readonly int s_iterations =
        int.Parse(Environment.GetEnvironmentVariable("OT_MODEL_RUNS") ?? "5", System.Globalization.CultureInfo.InvariantCulture);

    [Theory]
    [InlineData(48, true, "-b", "1024")]
    [InlineData(128, true, "-b", "4096")]
    [InlineData(48, false, "-b", "1024", "-I", "128", "-O", "^dir_index,^filetype")]
    [InlineData(48, true, "-b", "2048", "-O", "^ext_attr,^large_file,^sparse_super,^resize_inode", "-g", "4096")]
    public void The_kernel_sees_what_the_model_says(int size, bool hasNanoseconds, params string[] options)
    {
        Machine.NeedRoot();
        Machine.NeedTool("getfattr");
        var done = new SortedDictionary<string, int>(StringComparer.Ordinal);
        var operation = Gen.Select(Gen.Int[0, 22], Gen.Int, Gen.Int, Gen.Int);
        operation.Array[50, 400].Sample(operations => Run(operations, size, hasNanoseconds, options, done), iter: s_iterations, threads: 1,
            writeLine: output.WriteLine, print: all => $"[{string.Join(", ", all)}]");
        foreach (var (what, count) in done)
            output.WriteLine($"{count,6} {what}");
        Assert.True(done.Values.Sum() > 100, "nothing was done");
    }

    private static ExtEditor Opened(Window window, long spillBytes)
    {
        var editor = ExtEditor.Open(window);
        editor.Parts.State.SpillBytes = spillBytes;
        return editor;
    }

    private static void Run(
        (int Kind, int A, int B, int C)[] operations, int size, bool hasNanoseconds, string[] options, SortedDictionary<string, int> done)
    {
        using var directory = new TemporaryDirectory();
        var image = Ext3Image.MadeByMke2fs(directory, size * MiB, options);
        ModelFile root;
        using (var file = image.Open())
        {
            var window = new FileWindow(file);
            // Small ones too have to come to where blocks are written before the end.
            var model = new EditModel(() => Opened(window, operations.Length % 2 == 0 ? 1 << 15 : 1 << 24), hasNanoseconds);
            root = model.Root;
            root.HasHiddenDirectory = true;
            foreach (var (kind, a, b, c) in operations)
                model.Do(kind, a, b, c);
            model.Finish();
            foreach (var (what, count) in model.Done)
                done[what] = done.GetValueOrDefault(what) + count;
            var check = ExtChecker.Check(window, null, TestContext.Current.CancellationToken);
            Assert.True(check.IsSound, string.Join('\n', check.Findings));
        }

        image.AssertClean();
        image.Mounted("ro,noatime,acl,user_xattr", point => Assert.Equal(root.Describe(), MountedTree.Describe(point)));
    }
}
