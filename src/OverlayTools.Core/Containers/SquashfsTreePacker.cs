using System.Globalization;
using Microsoft.Win32.SafeHandles;
using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.Tar;

namespace OverlayTools.Containers;

/// <summary>Packs a tree as squashfs, whoever owns its files and whatever marks it has: it goes as a tar archive into
/// sqfstar or tar2sqfs, which need no rights for what they only write down.</summary>
internal sealed class SquashfsTreePacker
{
    private const string Activity = "Packing squashfs";

    private readonly string _program;
    private readonly SquashfsPacking _packing;
    private readonly IProgress<EngineProgress>? _progress;
    private readonly CancellationToken _token;

    private SquashfsTreePacker(
        string program, SquashfsPacking packing, IProgress<EngineProgress>? progress, CancellationToken token) =>
        (_program, _packing, _progress, _token) = (program, packing, progress, token);

    private bool IsSqfstar => Path.GetFileName(_program) == "sqfstar";

    /// <summary>Finds the program.</summary>
    /// <param name="packing">How to compress.</param>
    /// <param name="progress">Told of the bytes done.</param>
    /// <param name="token">Ends the program.</param>
    /// <param name="program">The program; null for whichever there is.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.RuntimeNotFound"/>, naming the package;
    /// <see cref="ErrorIds.OptionConflict"/> for a level that the compressor does not have.</exception>
    public static SquashfsTreePacker Create(
        SquashfsPacking packing, IProgress<EngineProgress>? progress, CancellationToken token, HelperProgram? program = null)
    {
        packing.Check();
        program ??= HelperProgram.SquashfsFromTar;
        var path = program.Find() ?? throw HelperProgram.NotFound([program]);
        return new SquashfsTreePacker(path, packing, progress, token);
    }

    /// <summary>Packs a tree.</summary>
    /// <param name="root">The tree; its root is that of the squashfs.</param>
    /// <param name="file">An existing, empty file.</param>
    /// <param name="path">Its path.</param>
    /// <param name="source">What is packed, for errors.</param>
    /// <returns>What could not be kept, and what else the program complained about.</returns>
    /// <exception cref="EngineException"><see cref="ErrorIds.HelperFailed"/>.</exception>
    /// <exception cref="OperationCanceledException">The program has ended.</exception>
    public IReadOnlyList<string> Pack(ExtNode root, SafeFileHandle file, string path, string source)
    {
        var survey = SquashfsSurvey.Of(root, _token);
        var losses = survey.Losses.ToList();
        if (!IsSqfstar)
        {
            losses.AddRange(Run(Tar2SqfsArguments(path), survey.Root, ".", survey.ContentBytes, path, source));
            return losses;
        }

        losses.AddRange(Run(SqfstarArguments(path), survey.Root, SquashfsRoot.Name, survey.ContentBytes, path, source));
        SquashfsRoot.Lift(new FileWindow(file));
        return losses;
    }

    private IReadOnlyList<string> Run(
        IEnumerable<string> arguments, ExtNode root, string? rootName, long total, string path, string source)
    {
        var done = 0L;
        var program = IsSqfstar && _packing.Level is not null
            ? HelperProgram.MakeSquashfs.Find() ?? throw HelperProgram.NotFound([HelperProgram.MakeSquashfs])
            : _program;
        var process = new PackingProcess(program, path, Activity, source, _progress, _token);
        return process.Run(arguments, input => new TarTreeWriter(input, _token, rootName, bytes =>
        {
            done += bytes;
            _progress?.Report(new EngineProgress(Activity, Math.Min(done, total), total));
        }).Write(root));
    }

    private List<string> SqfstarArguments(string path)
    {
        string[] common = ["-quiet", "-no-progress", "-comp", Compressor];
        // sqfstar 4.5 takes no value for a compressor; it is mksquashfs under another name, which does.
        return _packing.Level is { } level
            ? ["-", path, "-tar", "-noappend", .. common, "-Xcompression-level", level.ToString(CultureInfo.InvariantCulture)]
            : [.. common, "-force", path];
    }

    private List<string> Tar2SqfsArguments(string path)
    {
        List<string> arguments = ["--quiet", "--force", "--no-skip", "--compressor", Compressor];
        if (_packing.Level is { } level)
            arguments.AddRange(["--comp-extra", string.Create(CultureInfo.InvariantCulture, $"level={level}")]);
        arguments.Add(path);
        return arguments;
    }

    private string Compressor => _packing.Compression switch
    {
        SealCompression.Gzip => "gzip",
        SealCompression.Lz4 => "lz4",
        SealCompression.Xz => "xz",
        _ => "zstd",
    };
}
