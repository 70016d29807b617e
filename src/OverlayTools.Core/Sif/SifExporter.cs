using OverlayTools.IO;
using OverlayTools.Native;

namespace OverlayTools.Sif;

/// <summary>Takes objects out of images.</summary>
public static class SifExporter
{
    private const uint Mode = 0b110_110_110; // 0666, before the umask

    /// <summary>Copies an object into a file of its own; its holes stay holes. Until the copy is complete nothing is at
    /// its path.</summary>
    /// <param name="path">The image.</param>
    /// <param name="id">The object.</param>
    /// <param name="target">The file to make.</param>
    /// <param name="force">Whether an existing file may be replaced.</param>
    /// <param name="progress">Told of the bytes done.</param>
    /// <param name="token">Stops the work; nothing remains.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.SifDescriptorNotFound"/>, <see cref="ErrorIds.SifCorrupt"/>,
    /// <see cref="ErrorIds.OverlayInUse"/> (somebody writes the object), <see cref="ErrorIds.OverlayAlreadyExists"/>, or
    /// what opening the image throws.</exception>
    public static void ToFile(
        string path, uint id, string target, bool force, IProgress<EngineProgress>? progress = null,
        CancellationToken token = default)
    {
        using var file = SifFile.Open(path, writable: false);
        using var image = SifImage.Open(new FileWindow(file), path, token);
        var found = image.Find(id);
        var length = found.OpenData().Length;
        Lock(file, path, found);
        RefuseSelf(file, path, target);
        using var copy = AtomicFile.Create(target, Mode, force);
        Ftruncate.File(copy.Handle, length, copy.TemporaryPath);
        if (length > 0)
            SparseCopy.Range(file, found.Offset, copy.Handle, 0, length, path, token,
                done => progress?.Report(new EngineProgress($"Exporting object {id}", done, length)));
        copy.Commit(force);
    }

    /// <summary>Reads an object piece by piece.</summary>
    /// <param name="path">The image.</param>
    /// <param name="id">The object.</param>
    /// <param name="token">Stops the reading.</param>
    /// <returns>The bytes, in new arrays of at most 1 MiB; read while they are asked for.</returns>
    /// <exception cref="EngineException">As <see cref="ToFile"/>.</exception>
    public static IEnumerable<byte[]> Read(string path, uint id, CancellationToken token = default)
    {
        using var file = SifFile.Open(path, writable: false);
        using var image = SifImage.Open(new FileWindow(file), path, token);
        var found = image.Find(id);
        var data = found.OpenData();
        Lock(file, path, found);
        for (long done = 0; done < data.Length;)
        {
            token.ThrowIfCancellationRequested();
            var chunk = new byte[(int)Math.Min(SparseCopy.ChunkSize, data.Length - done)];
            data.Read(done, chunk);
            done += chunk.Length;
            yield return chunk;
        }
    }

    /// <summary>A file name for an object: its own where that is a plain name, else one from the image's name, the
    /// object's id and its type.</summary>
    /// <param name="imagePath">The image.</param>
    /// <param name="found">The object.</param>
    /// <returns>A name without directory.</returns>
    public static string FileName(string imagePath, SifObject found) =>
        // Whoever made the image chose the name: it must lead nowhere, hide nowhere, and be no option of a command.
        found.Name.Length > 0 && found.Name[0] is not ('.' or '-') && found.Name.IndexOfAny(['/', '\\']) < 0
            ? found.Name
            : $"{Path.GetFileNameWithoutExtension(imagePath)}.{found.Id}{Extension(found)}";

    /// <summary>The file names for an object, best first: another one may have the first already.</summary>
    /// <inheritdoc cref="FileName"/>
    /// <returns>Names without directory: one, or two where the object has a name of its own.</returns>
    public static IReadOnlyList<string> FileNames(string imagePath, SifObject found) =>
        FileName(imagePath, found) is var name && name == found.Name
            ? [name, $"{Path.GetFileNameWithoutExtension(imagePath)}.{found.Id}.{name}"]
            : [name];

    // The name may come from the image: whoever made it could have the whole image replaced by one of its objects.
    private static void RefuseSelf(Microsoft.Win32.SafeHandles.SafeFileHandle file, string path, string target)
    {
        if (!File.Exists(target))
            return;
        using var existing = Open.File(target, Open.PathOnly);
        var (one, other) = (Statx.Of(file, path), Statx.Of(existing, target));
        if (one.Device == other.Device && one.Inode == other.Inode)
            throw new EngineException(ErrorIds.OverlayAlreadyExists, $"'{target}' is the image itself.",
                "Choose another name.", target);
    }

    // The lock that who mounts the partition for writing takes too: half of the one state and half of the other is
    // nothing to keep.
    private static void Lock(Microsoft.Win32.SafeHandles.SafeFileHandle file, string path, SifObject found)
    {
        if (found.SizeBytes > 0)
            RangeLock.Acquire(file, path, exclusive: false, found.Offset, found.SizeBytes);
    }

    private static string Extension(SifObject found) => found.DataType switch
    {
        SifDataType.DefinitionFile => ".def",
        SifDataType.EnvironmentVariables => ".env",
        SifDataType.Labels or SifDataType.GenericJson or SifDataType.OciRootIndex => ".json",
        SifDataType.Partition => found.Partition?.FileSystem switch
        {
            SifFileSystem.Squashfs or SifFileSystem.GocryptfsSquashfs => ".squashfs",
            SifFileSystem.EncryptedSquashfs => ".luks",
            _ => ".img",
        },
        SifDataType.Signature => ".sig",
        SifDataType.CryptographicMessage => found.Metadata is SifMessageMetadata { Format: SifMessageFormat.Pem }
            ? ".pem"
            : ".asc",
        SifDataType.Sbom => (found.Metadata as SifSbomMetadata)?.Format switch
        {
            SifSbomFormat.CycloneDxXml => ".xml",
            SifSbomFormat.SpdxRdf => ".rdf",
            SifSbomFormat.SpdxTagValue => ".spdx",
            SifSbomFormat.SpdxYaml => ".yaml",
            _ => ".json",
        },
        _ => ".bin",
    };
}
