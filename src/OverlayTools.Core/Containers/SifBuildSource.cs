using OverlayTools.Sif;

namespace OverlayTools.Containers;

/// <summary>What kind of source a root file system comes from.</summary>
internal enum SifBuildSourceKind
{
    /// <summary>None: the image gets no root file system.</summary>
    None,

    /// <summary>A directory, which is packed.</summary>
    Directory,

    /// <summary>A tar archive, which is packed.</summary>
    Archive,

    /// <summary>A file system in a file, which is taken as it is.</summary>
    Image,
}

/// <summary>What a source is, by its content.</summary>
/// <param name="Kind">Its kind.</param>
/// <param name="FileSystem">The file system of an image; null for other kinds.</param>
internal readonly record struct SifBuildSource(SifBuildSourceKind Kind, SifFileSystem? FileSystem)
{
    // pax, ustar Interchange Format: "ustar" at 257. What comes compressed is told by TarInput.
    private const int UstarOffset = 257;

    private static readonly byte[][] s_compressed =
        [[0x1F, 0x8B], [0xFD, (byte)'7', (byte)'z', (byte)'X', (byte)'Z'], [(byte)'B', (byte)'Z', (byte)'h'], [0x28, 0xB5, 0x2F, 0xFD]];

    /// <summary>Looks at the source, and at whether what is asked for can be put into it.</summary>
    /// <exception cref="EngineException">As <see cref="SifImageBuilder.Build"/>.</exception>
    public static SifBuildSource Recognize(SifBuild build)
    {
        var source = build.Source is null ? default : Recognize(build.Source);
        var isFixed = source.Kind is SifBuildSourceKind.None or SifBuildSourceKind.Image;
        if (isFixed && (build.RunScript is not null || (build.Environment is not null && build.Source is not null)))
            throw new EngineException(ErrorIds.OptionConflict,
                build.Source is null
                    ? "An image without a root file system has no place for a run script."
                    : $"'{build.Source}' is a file system already, and is taken as it is: nothing can be put into it.",
                "Give a directory or a tar archive as the source, or leave the run script and the environment out.", build.Path);
        if (source.FileSystem is { } found && build.FileSystem is { } wanted && wanted != found)
            throw new EngineException(ErrorIds.OptionConflict, $"'{build.Source}' is {found}, and is not packed anew as {wanted}.",
                "Leave -FileSystem out.", build.Path);
        return source;
    }

    private static SifBuildSource Recognize(string path)
    {
        if (Directory.Exists(path))
            return new SifBuildSource(SifBuildSourceKind.Directory, null);
        if (!File.Exists(path))
            throw new EngineException(ErrorIds.OverlayFileNotFound, $"'{path}' does not exist.",
                "Name a directory that holds a root file system, for example one made by debootstrap.", path);
        if (SifFileSystems.Detect(path) is { } fileSystem)
            return new SifBuildSource(SifBuildSourceKind.Image, fileSystem);
        return IsArchive(path)
            ? new SifBuildSource(SifBuildSourceKind.Archive, null)
            : throw new EngineException(ErrorIds.ImageNotRecognized,
                $"'{path}' is neither a directory nor a tar archive, and no file system that could be run.",
                "Name a directory, a tar archive, or a squashfs or ext3 image.", path);
    }

    private static bool IsArchive(string path)
    {
        using var file = SifContent.OpenSource(path);
        var start = new byte[UstarOffset + 5];
        var count = RandomAccess.Read(file, start, 0);
        return (count == start.Length && start.AsSpan(UstarOffset).SequenceEqual("ustar"u8))
            || s_compressed.Any(magic => start.AsSpan().StartsWith(magic));
    }
}
