using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.Sif;

namespace OverlayTools.Containers;

/// <summary>Makes a SIF image that can be run, from a directory with a root file system.</summary>
public static class SifImageBuilder
{
    private const uint OwnerOnly = 0b110_000_000; // 0600
    private const uint DirectoryPermissions = 0b111_101_101; // 0755

    /// <summary>Packs the directory and makes the image; until it is complete nothing is at its path.</summary>
    /// <param name="build">What to make.</param>
    /// <param name="progress">Told of the bytes done.</param>
    /// <param name="token">Stops the work; nothing remains.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFileNotFound"/> when the source is no directory,
    /// <see cref="ErrorIds.OverlayAlreadyExists"/>, <see cref="ErrorIds.RuntimeNotFound"/> when squashfs was asked for
    /// and mksquashfs is not installed, <see cref="ErrorIds.HelperFailed"/>.</exception>
    public static SifBuildResult Build(SifBuild build, IProgress<EngineProgress>? progress = null, CancellationToken token = default)
    {
        if (!Directory.Exists(build.Source))
            throw new EngineException(ErrorIds.OverlayFileNotFound, $"'{build.Source}' is not a directory.",
                "Name a directory that holds a root file system, for example one made by debootstrap.", build.Source);
        if (build.FileSystem is not (null or SifFileSystem.Squashfs or SifFileSystem.Ext3))
            throw new EngineException(ErrorIds.SifInvalidValue, $"A root file system cannot be packed as {build.FileSystem}.",
                "Use Squashfs or Ext3.", build.Path);
        if (!build.Force && Path.Exists(build.Path))
            throw new EngineException(ErrorIds.OverlayAlreadyExists, $"'{build.Path}' already exists.",
                "Choose another name, or give -Force to replace it.", build.Path);

        var packer = build.FileSystem == SifFileSystem.Ext3 ? null : HelperProgram.MakeSquashfs.Find();
        if (packer is null && build.FileSystem == SifFileSystem.Squashfs)
            throw HelperProgram.NotFound([HelperProgram.MakeSquashfs]);
        return packer is null ? BuildExt3(build, progress, token) : BuildSquashfs(build, packer, progress, token);
    }

    private static SifBuildResult BuildSquashfs(
        SifBuild build, string packer, IProgress<EngineProgress>? progress, CancellationToken token)
    {
        // Beside the target: the temporary directory is often a small disk in memory.
        var directory = Path.GetDirectoryName(Path.GetFullPath(build.Path)) ?? "/";
        using var packed = AtomicFile.Create(
            Path.Combine(directory, $"{Path.GetFileName(build.Path)}.{Guid.NewGuid():N}.squashfs"), OwnerOnly, force: false);
        var scratch = Directory.CreateTempSubdirectory("overlaytools-");
        try
        {
            var warnings = SquashfsPacker.Pack(packer, build, packed.TemporaryPath, scratch.FullName, progress, token);
            using var content = SifContent.FromFile(packed.TemporaryPath);
            Write(build, SifFileSystem.Squashfs, content, progress, token);
            return new SifBuildResult(SifFileSystem.Squashfs, warnings);
        }
        finally
        {
            scratch.Delete(recursive: true);
        }
    }

    private static SifBuildResult BuildExt3(SifBuild build, IProgress<EngineProgress>? progress, CancellationToken token)
    {
        var root = ExtNode.FromDirectory(build.Source, token, build.RootOwned ? (0, 0) : null);
        AddMetadata(root, build);
        using var content = SifContent.Written(ExtSizing.SizeFor(root), (window, report, cancellation) =>
            ExtFormatter.Format(window, new ExtFormatOptions(), root, report, cancellation));
        Write(build, SifFileSystem.Ext3, content, progress, token);
        return new SifBuildResult(SifFileSystem.Ext3, []);
    }

    private static void AddMetadata(ExtNode root, SifBuild build)
    {
        var files = ImageMetadata.Files(build);
        if (files.Count == 0)
            return;
        var name = new ExtName(ImageMetadata.Directory);
        var directory = root.Find(name) ?? root.Add(name, ExtNode.Directory(DirectoryPermissions, 0, 0));
        foreach (var (file, permissions, bytes) in files)
            directory.Replace(file, ExtNode.File(ExtContent.FromBytes(bytes), permissions, 0, 0));
    }

    private static void Write(
        SifBuild build, SifFileSystem fileSystem, SifContent root, IProgress<EngineProgress>? progress, CancellationToken token)
    {
        var objects = new List<SifNewObject>();
        if (build.Definition is { } definition)
            objects.Add(new SifNewObject { DataType = SifDataType.DefinitionFile, Content = SifContent.FromBytes(definition) });
        objects.Add(new SifNewObject
        {
            DataType = SifDataType.Partition,
            Content = root,
            Metadata = new SifPartitionMetadata(fileSystem, SifPartitionType.PrimarySystem, build.Architecture),
        });
        SifWriter.Create(build.Path, new SifCreateOptions { LaunchScript = SifCreateOptions.RunSingularity }, objects,
            build.Force, progress, token);
    }
}
