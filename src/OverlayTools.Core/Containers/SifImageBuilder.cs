using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.Overlays;
using OverlayTools.Sif;

namespace OverlayTools.Containers;

/// <summary>Makes SIF images: from a directory or an archive with a root file system, from a file system that is there
/// already, or empty.</summary>
public static class SifImageBuilder
{
    private const uint OwnerOnly = 0b110_000_000; // 0600
    private const uint DirectoryPermissions = 0b111_101_101; // 0755

    // The same for all: nothing refers to the file system of a partition by its identity.
    private static readonly Guid s_fixedIdentity = new("5f0e9d4c-7a3b-4c52-9d1e-1f2a3b4c5d6e");

    /// <summary>Makes the image; until it is complete nothing is at its path.</summary>
    /// <param name="build">What to make.</param>
    /// <param name="progress">Told of the bytes done.</param>
    /// <param name="token">Stops the work; nothing remains.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFileNotFound"/>,
    /// <see cref="ErrorIds.ImageNotRecognized"/> for a source of no known kind, <see cref="ErrorIds.OptionConflict"/> for
    /// what cannot be put into a source that is taken as it is, those of <see cref="ExtTarTree.Read"/>,
    /// <see cref="ErrorIds.OverlayAlreadyExists"/>, <see cref="ErrorIds.RuntimeNotFound"/> when squashfs was asked for
    /// and mksquashfs is not installed, <see cref="ErrorIds.HelperFailed"/>.</exception>
    public static SifBuildResult Build(SifBuild build, IProgress<EngineProgress>? progress = null, CancellationToken token = default)
    {
        var source = SifBuildSource.Recognize(build);
        if (build.FileSystem is not (null or SifFileSystem.Squashfs or SifFileSystem.Ext3))
            throw new EngineException(ErrorIds.SifInvalidValue, $"A root file system cannot be packed as {build.FileSystem}.",
                "Use Squashfs or Ext3.", build.Path);
        if (!build.Force && Path.Exists(build.Path))
            throw new EngineException(ErrorIds.OverlayAlreadyExists, $"'{build.Path}' already exists.",
                "Choose another name, or give -Force to replace it.", build.Path);
        if (build.Environment is { } variables)
            _ = ImageMetadata.Exports(variables);

        if (source.Kind == SifBuildSourceKind.None)
            return Write(build, null, null, progress, token);
        if (source.Kind == SifBuildSourceKind.Image)
        {
            using var image = SifContent.FromFile(build.Source!);
            return Write(build, source.FileSystem, image, progress, token);
        }

        var packer = build.FileSystem == SifFileSystem.Ext3 ? null : HelperProgram.MakeSquashfs.Find();
        if (packer is null && build.FileSystem == SifFileSystem.Squashfs)
            throw HelperProgram.NotFound([HelperProgram.MakeSquashfs]);
        return packer is null
            ? BuildExt3(build, progress, token)
            : BuildSquashfs(build, source.Kind, packer, progress, token);
    }

    private static SifBuildResult BuildSquashfs(
        SifBuild build, SifBuildSourceKind kind, string program, IProgress<EngineProgress>? progress, CancellationToken token)
    {
        // Beside the target: the temporary directory is often a small disk in memory.
        var directory = DirectoryOf(build);
        using var packed = AtomicFile.Create(
            Path.Combine(directory, $"{Path.GetFileName(build.Path)}.{Guid.NewGuid():N}.squashfs"), OwnerOnly, force: false);
        var scratch = Directory.CreateTempSubdirectory("overlaytools-");
        try
        {
            var packer = new SquashfsPacker(program, build, packed.TemporaryPath, progress, token);
            IReadOnlyList<string> warnings;
            if (kind == SifBuildSourceKind.Archive)
            {
                using var archive = OpenSource(build, progress, token);
                AddMetadata(archive.Root, build);
                warnings = packer.PackTree(archive.Root);
            }
            else
            {
                warnings = packer.PackDirectory(scratch.FullName);
            }

            using var content = SifContent.FromFile(packed.TemporaryPath);
            return Write(build, SifFileSystem.Squashfs, content, progress, token) with { Warnings = warnings };
        }
        finally
        {
            scratch.Delete(recursive: true);
        }
    }

    private static SifBuildResult BuildExt3(SifBuild build, IProgress<EngineProgress>? progress, CancellationToken token)
    {
        using var source = OpenSource(build, progress, token);
        AddMetadata(source.Root, build);
        var options = build.Deterministic
            ? new ExtFormatOptions { Uuid = s_fixedIdentity, HashSeed = s_fixedIdentity, Now = DateTimeOffset.UnixEpoch }
            : new ExtFormatOptions();
        using var content = SifContent.Written(ExtSizing.SizeFor(source.Root), (window, report, cancellation) =>
            ExtFormatter.Format(window, options, source.Root, report, cancellation));
        return Write(build, SifFileSystem.Ext3, content, progress, token);
    }

    private static OverlaySource OpenSource(SifBuild build, IProgress<EngineProgress>? progress, CancellationToken token) =>
        OverlaySource.Open(build.Source!, DirectoryOf(build), build.RootOwned ? (0, 0) : null, progress, token);

    private static string DirectoryOf(SifBuild build)
    {
        var directory = Path.GetDirectoryName(Path.GetFullPath(build.Path)) ?? "/";
        return Directory.Exists(directory)
            ? directory
            : throw new EngineException(ErrorIds.OverlayFileNotFound, $"The directory '{directory}' does not exist.",
                "Create it first, or choose another place.", build.Path);
    }

    private static void AddMetadata(ExtNode root, SifBuild build)
    {
        var files = ImageMetadata.Files(build, name => FindFile(root, name) is not null);
        if (files.Count == 0)
            return;
        ExtTime? time = build.Deterministic ? new ExtTime(0, 0) : null;
        foreach (var (file, permissions, bytes) in files)
        {
            var parts = file.Split('/');
            var directory = DirectoryIn(root, ImageMetadata.Directory, time);
            if (parts.Length > 1)
                directory = DirectoryIn(directory, parts[0], time);
            directory.Replace(parts[^1], ExtNode.File(ExtContent.FromBytes(bytes), permissions, 0, 0, time));
        }
    }

    // A link of that name gives way: what we add is found below its own name, and nowhere else.
    private static ExtNode DirectoryIn(ExtNode parent, string name, ExtTime? time) =>
        parent.Find(new ExtName(name)) is { Type: ExtFileType.Directory } found
            ? found
            : parent.Replace(name, ExtNode.Directory(DirectoryPermissions, 0, 0, time));

    private static ExtNode? FindFile(ExtNode root, string name)
    {
        var found = root.Find(new ExtName(ImageMetadata.Directory));
        foreach (var part in name.Split('/'))
            found = found?.Find(new ExtName(part));
        return found;
    }

    private static SifBuildResult Write(
        SifBuild build, SifFileSystem? fileSystem, SifContent? root, IProgress<EngineProgress>? progress,
        CancellationToken token)
    {
        var objects = new List<SifNewObject>();
        if (build.Definition is { } definition)
            objects.Add(Of(SifDataType.DefinitionFile, definition));
        if (build.Environment is { } variables)
            objects.Add(Of(SifDataType.EnvironmentVariables, System.Text.Encoding.UTF8.GetBytes(ImageMetadata.Exports(variables))));
        if (ImageMetadata.Labels(build) is { } labels)
            objects.Add(Of(SifDataType.Labels, labels));
        if (root is not null)
        {
            objects.Add(new SifNewObject
            {
                DataType = SifDataType.Partition,
                Content = root,
                Metadata = new SifPartitionMetadata(fileSystem!.Value, SifPartitionType.PrimarySystem, build.Architecture),
            });
        }

        var options = new SifCreateOptions
        {
            LaunchScript = build.LaunchScript ?? (root is null ? "" : SifCreateOptions.RunSingularity),
            Deterministic = build.Deterministic,
        };
        SifWriter.Create(build.Path, options, objects, build.Force, progress, token);
        return new SifBuildResult(fileSystem, []);
    }

    private static SifNewObject Of(SifDataType type, byte[] bytes) =>
        new() { DataType = type, Content = SifContent.FromBytes(bytes) };
}
