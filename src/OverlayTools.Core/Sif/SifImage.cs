using Microsoft.Win32.SafeHandles;
using OverlayTools.IO;

namespace OverlayTools.Sif;

/// <summary>A SIF image, open for reading. Reading never changes a byte of it.</summary>
public sealed class SifImage : IDisposable
{
    private readonly Window _file;
    private readonly SafeFileHandle? _handle;

    private SifImage(Window file, SafeFileHandle? handle, string path, CancellationToken token)
    {
        _file = file;
        _handle = handle;
        Path = path;
        Header = SifReader.ReadHeader(file, path);
        Objects = SifReader.ReadObjects(file, path, Header, token);
        ModificationFault = SifReader.ModificationFault(file, Header, Objects);
    }

    /// <summary>The path that the image was opened with.</summary>
    public string Path { get; }

    /// <summary>The header as stored. Its counts, sizes and architecture may be stale; this class derives
    /// them.</summary>
    public SifHeader Header { get; }

    /// <summary>The objects in the order of the table.</summary>
    public IReadOnlyList<SifObject> Objects { get; }

    /// <summary>Bytes in the file.</summary>
    public long Length => _file.Length;

    /// <summary>The line that runs the container, safe to show, without its newline; empty when there is
    /// none.</summary>
    public string LaunchScript
    {
        get
        {
            var text = SifText.Trim(Header.LaunchScript);
            return SifText.Show(text is [.., (byte)'\n'] ? text[..^1] : text);
        }
    }

    /// <summary>The image's identity; all zero in a deterministic image.</summary>
    public Guid Id => Header.Id;

    /// <summary>When the image was made; null when unset or out of range.</summary>
    public DateTimeOffset? Created => SifTime.ToDateTimeOffset(Header.CreatedAt);

    /// <summary>When the image was last changed; null when unset or out of range.</summary>
    public DateTimeOffset? Modified => SifTime.ToDateTimeOffset(Header.ModifiedAt);

    /// <summary>Whether the image carries neither identity nor times, so that changes leave the times unset.</summary>
    public bool IsDeterministic =>
        Header.Id == Guid.Empty && Header.CreatedAt == SifTime.Unset && Header.ModifiedAt == SifTime.Unset;

    /// <summary>Slots in the table.</summary>
    public long Capacity => Header.DescriptorsTotal;

    /// <summary>Slots that are free, counted.</summary>
    public long FreeDescriptors => Capacity - Objects.Count;

    /// <summary>Bytes from the start of the data section to the end of the last object, computed.</summary>
    public long DataSize => Math.Max(0, DataEnd(Header, Objects) - Header.DataOffset);

    /// <summary>What each byte of the file is for, in order.</summary>
    public IReadOnlyList<SifRange> Ranges => SifRange.Of(this, _handle);

    /// <summary>Bytes that the file takes on its disk; null for an image that was not opened by its path.</summary>
    public long? AllocatedBytes => _handle is null ? null : Native.Statx.Of(_handle, Path).Sectors * 512;

    /// <summary>Who uses a part of the image.</summary>
    /// <param name="users">A look at all users of files.</param>
    /// <returns>Nobody, for an image that was not opened by its path.</returns>
    public IReadOnlyList<ImageUser> Users(ImageUsers users) => _handle is null ? [] : users.Of(_handle, 0, 0);

    /// <summary>Architecture of the primary partition; unknown without one.</summary>
    public SifArchitecture Architecture => PrimaryPartition?.Partition?.Architecture ?? SifArchitecture.Unknown;

    /// <summary>The architecture that the header names, which may be stale.</summary>
    public SifArchitecture HeaderArchitecture => SifArchitectures.FromCode(Header.Arch);

    /// <summary>Why the image must not be changed, naming field and offset; null for a sound image.</summary>
    public string? ModificationFault { get; }

    /// <summary>The root file system of the container; null without one. With several, which no tool writes, the
    /// first.</summary>
    public SifObject? PrimaryPartition => Objects.FirstOrDefault(o => o.IsPartition(SifPartitionType.PrimarySystem));

    /// <summary>
    /// The overlay partitions that the runtime uses, in the order of the table: those in the primary partition's group;
    /// all when that is in no group, or there is none.
    /// </summary>
    public IEnumerable<SifObject> Overlays
    {
        get
        {
            var group = PrimaryPartition?.GroupId;
            return Objects.Where(o => o.IsPartition(SifPartitionType.Overlay) && (group is null || o.GroupId == group));
        }
    }

    /// <summary>Whether the image has a signature, valid or not.</summary>
    public bool IsSigned => Objects.Any(o => o.DataType == SifDataType.Signature);

    /// <summary>Whether the root file system is encrypted: by its type, or as a LUKS volume under another
    /// type.</summary>
    public bool IsEncrypted =>
        PrimaryPartition is { Partition: { } partition } primary
        && (partition.FileSystem is SifFileSystem.EncryptedSquashfs or SifFileSystem.GocryptfsSquashfs
            || StartsWithLuks(primary));

    /// <summary>Opens an image.</summary>
    /// <param name="path">A file.</param>
    /// <param name="token">Stops the reading of a very long table.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.SifBadMagic"/>,
    /// <see cref="ErrorIds.SifVersionUnsupported"/> or <see cref="ErrorIds.SifCorrupt"/>.</exception>
    /// <exception cref="IOException">The file cannot be opened or read.</exception>
    public static SifImage Open(string path, CancellationToken token = default)
    {
        var handle = SifFile.Open(path, writable: false);
        try
        {
            return new SifImage(new FileWindow(handle), handle, path, token);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Opens an image that somebody else holds open.</summary>
    /// <param name="file">The whole file; it outlives the image.</param>
    /// <param name="path">Its path, for errors.</param>
    /// <param name="token">Stops the reading of a very long table.</param>
    /// <exception cref="EngineException">As <see cref="Open(string, CancellationToken)"/>.</exception>
    public static SifImage Open(Window file, string path, CancellationToken token = default) =>
        new(file, null, path, token);

    /// <summary>The object with an id.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.SifDescriptorNotFound"/>, or
    /// <see cref="ErrorIds.SifCorrupt"/> when several have it.</exception>
    public SifObject Find(uint id)
    {
        var found = Objects.Where(o => o.Id == id).Take(2).ToList();
        return found.Count switch
        {
            1 => found[0],
            0 => throw new EngineException(ErrorIds.SifDescriptorNotFound, $"'{Path}' has no object {id}.",
                "Get-SifDescriptor lists the objects there are.", Path),
            _ => throw SifFailure.Corrupt(Path, $"several objects have the id {id}"),
        };
    }

    /// <summary>Whether a signature, valid or not, covers the group: directly, or through one of its objects.</summary>
    /// <param name="group">The group's number.</param>
    public bool IsGroupSigned(uint group) => SignatureOf(Objects, Objects, group) is not null;

    /// <summary>Whether a signature, valid or not, covers an object: through its group, or, in the old format, by itself
    /// even where it is in no group.</summary>
    /// <param name="covered">The object.</param>
    internal bool IsObjectSigned(SifObject covered) => SignatureOf(Objects, Objects, covered) is not null;

    /// <summary>Refuses to change what a signature covers.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.SifSigned"/>.</exception>
    internal void RefuseSigned(SifObject changed)
    {
        if (IsObjectSigned(changed))
            throw new EngineException(ErrorIds.SifSigned,
                $"Object {changed.Id} of '{Path}' is signed, and its signature would no longer be valid.",
                "Change an unsigned copy of the image, and sign that.", Path);
    }

    /// <inheritdoc/>
    public void Dispose() => _handle?.Dispose();

    /// <summary>Where the next object's padding starts: after the last object. Objects with a fault do not
    /// count.</summary>
    internal static long DataEnd(SifHeader header, IEnumerable<SifObject> objects) =>
        objects.Where(o => o.PlaceFault is null).Select(o => o.End).Append(header.DataOffset).Max();

    /// <summary>A signature that covers a group, or null.</summary>
    /// <param name="candidates">Where to look for it.</param>
    /// <param name="objects">What it may cover.</param>
    /// <param name="group">The group's number.</param>
    internal static SifObject? SignatureOf(
        IEnumerable<SifObject> candidates, IReadOnlyList<SifObject> objects, uint group) =>
        candidates.FirstOrDefault(o => o.DataType == SifDataType.Signature
            && (o.LinkedToGroup
                ? o.LinkedId == group
                : objects.Any(signed => signed.Id == o.LinkedId && signed.GroupId == group)));

    /// <summary>A signature that covers an object, or null.</summary>
    /// <inheritdoc cref="SignatureOf(IEnumerable{SifObject}, IReadOnlyList{SifObject}, uint)"/>
    /// <param name="candidates">Where to look for it.</param>
    /// <param name="objects">All objects.</param>
    /// <param name="covered">The object.</param>
    internal static SifObject? SignatureOf(
        IReadOnlyList<SifObject> candidates, IReadOnlyList<SifObject> objects, SifObject covered) =>
        covered.GroupId is { } group
            ? SignatureOf(candidates, objects, group)
            : candidates.FirstOrDefault(o =>
                o.DataType == SifDataType.Signature && !o.LinkedToGroup && o.LinkedId == covered.Id);

    private static bool StartsWithLuks(SifObject partition) =>
        partition.Fault is null && SifFileSystems.Detect(partition.OpenData()) == SifFileSystem.EncryptedSquashfs;
}
