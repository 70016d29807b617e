using System.Buffers.Binary;
using OverlayTools.IO;

namespace OverlayTools.Ext;

/// <summary>An entry of a directory.</summary>
/// <param name="Name">The name.</param>
/// <param name="Inode">The inode that it leads to.</param>
/// <param name="Type">The kind of file, where the directory says.</param>
public readonly record struct ExtDirectoryEntry(ExtName Name, uint Inode, ExtFileType Type);

/// <summary>
/// Reads an ext2 or ext3 file system, and an ext4 one where that was asked for. Nothing on disk is believed: whatever
/// does not fit raises <see cref="ErrorIds.OverlayCorrupt"/>, naming structure and offset. A journal that was not
/// replayed is not looked at. One object serves one thread at a time.
/// </summary>
public sealed class ExtFileSystem
{
    private const int LongestInlineLink = 4096;
    internal const int MaxLinksFollowed = 40; // as the kernel (MAXSYMLINKS)

    private readonly Window _window;
    private readonly byte[] _descriptorBlock;
    private uint _descriptorBlockAt;

    private ExtFileSystem(Window window, ExtSuperblock superblock, ExtGeometry geometry)
    {
        _window = window;
        Superblock = superblock;
        Geometry = geometry;
        _descriptorBlock = new byte[geometry.BlockSize];
    }

    /// <summary>The primary superblock, with label, identity, state and features.</summary>
    public ExtSuperblock Superblock { get; }

    /// <summary>Where everything lies.</summary>
    public ExtGeometry Geometry { get; }

    internal Window Window => _window;

    private int BlockSize => Geometry.BlockSize;

    private bool HasMetaBg => (Superblock.FeatureIncompat & ExtFeatures.IncompatMetaBg) != 0;

    /// <summary>Whether it has nothing but features of ext3, and may be changed in place; one of ext4 is only
    /// read.</summary>
    public bool IsChangeable => FeaturesBeyondExt3.Count == 0;

    /// <summary>The features that keep it from being changed in place, as <c>dumpe2fs</c> names them.</summary>
    public IReadOnlyList<string> FeaturesBeyondExt3 => ExtFeatures.BeyondExt3(
        Superblock.FeatureCompat, Superblock.FeatureIncompat, Superblock.FeatureRoCompat);

    /// <summary>Opens an ext2 or ext3 file system: reads and checks the superblock.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayNotExt3"/>,
    /// <see cref="ErrorIds.OverlayFeatureUnsupported"/> (ext4's features) or
    /// <see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    public static ExtFileSystem Open(Window window)
    {
        var superblock = ExtSuperblock.Read(window);
        RequireExt3(superblock);
        return new ExtFileSystem(window, superblock, SuperblockCheck.Geometry(superblock, window.Length));
    }

    /// <summary>Opens an ext2, ext3 or ext4 file system in order to list it and copy out of it; nothing in this assembly
    /// changes what it opened in this way, unless <see cref="IsChangeable"/>.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayNotExt3"/>,
    /// <see cref="ErrorIds.OverlayFeatureUnsupported"/>, naming the features that cannot be read, or
    /// <see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    public static ExtFileSystem OpenForReading(Window window)
    {
        var superblock = ExtSuperblock.Read(window);
        var unknown = ExtFeatures.Unreadable(superblock.FeatureIncompat, superblock.FeatureRoCompat);
        if (unknown.Count > 0)
            throw new EngineException(ErrorIds.OverlayFeatureUnsupported,
                $"The file system has features that cannot be read: {string.Join(", ", unknown)}.",
                "Mount it with the kernel, and copy the content into an image made by New-OverlayImage.");
        return new ExtFileSystem(window, superblock, SuperblockCheck.Geometry(superblock, window.Length));
    }

    /// <summary>Refuses a file system with features that say how ext4 lays things out.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFeatureUnsupported"/>, naming them.</exception>
    internal static void RequireExt3(ExtSuperblock superblock)
    {
        var unknown = superblock.FeatureIncompat & ~ExtFeatures.Ext3Incompat;
        if (unknown != 0)
            throw new EngineException(ErrorIds.OverlayFeatureUnsupported,
                $"The file system has features that ext3 does not have: {string.Join(", ", ExtFeatures.NamesOf(0, unknown, 0))}.",
                "Make the image with New-OverlayImage or 'mkfs.ext3', and copy the content over.");
    }

    /// <summary>Reads an inode.</summary>
    /// <param name="number">From 1 to the number of inodes.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    public ExtInode ReadInode(uint number)
    {
        if (number == 0 || number > Superblock.InodesCount)
            throw ExtCorrupt.Because($"inode {number} does not exist; there are {Superblock.InodesCount}.");
        var raw = new byte[Geometry.InodeSize];
        _window.Read(OffsetOfInode(number), raw);
        return new ExtInode(raw);
    }

    /// <summary>The entries of a directory, <c>.</c> and <c>..</c> left out.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayCorrupt"/>, also in the middle.</exception>
    public IEnumerable<ExtDirectoryEntry> ReadDirectory(uint number)
    {
        var inode = ReadInode(number);
        var size = inode.Size;
        if (inode.FileType != ExtFileType.Directory && number == ExtInode.Root)
            throw ExtCorrupt.At("root directory, inode 2", OffsetOfInode(number), "it is not a directory");
        if (inode.FileType != ExtFileType.Directory)
            throw new EngineException(ErrorIds.OverlayFileNotFound, $"Inode {number} is not a directory.", null);
        if (InlineData.IsIn(this, inode))
            return InlineEntries(number, inode);
        if (size <= 0 || size % BlockSize != 0 || size > Geometry.SizeBytes)
            throw ExtCorrupt.At($"directory, inode {number}", OffsetOfInode(number), $"its size is {size}");
        return Entries(number, FileMap.Of(this, inode, number), size / BlockSize);
    }

    /// <summary>Opens the content of a regular file; holes read as zeros.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFileNotFound"/> when it is no regular file,
    /// <see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    public Stream OpenFile(uint number) => OpenFile(number, ReadInode(number));

    /// <summary>Opens the content of a regular file whose inode was read already.</summary>
    internal Stream OpenFile(uint number, ExtInode inode)
    {
        if (inode.FileType != ExtFileType.RegularFile)
            throw new EngineException(ErrorIds.OverlayFileNotFound, $"Inode {number} is not a regular file.", null);
        if (InlineData.IsIn(this, inode))
            return new MemoryStream(InlineData.Content(this, number, inode), writable: false);
        var map = FileMap.Of(this, inode, number);
        if (inode.Size < 0 || inode.Size > map.MaxBlocks * BlockSize)
            throw ExtCorrupt.At($"inode {number}", OffsetOfInode(number), $"its size is {inode.Size}");
        return new ExtFileStream(_window, map, inode.Size, BlockSize);
    }

    /// <summary>The extended attributes of a file by full name (<c>user.</c>, <c>trusted.</c>, <c>security.</c>,
    /// <c>system.posix_acl_access</c> and <c>_default</c>), in the form of the system calls.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayCorrupt"/>, or
    /// <see cref="ErrorIds.OverlayFeatureUnsupported"/> for a name that is not text.</exception>
    public IReadOnlyDictionary<string, byte[]> ReadAttributes(uint number) =>
        InodeAttributes.Read(this, number, ReadInode(number)).Values;

    /// <summary>The target of a symbolic link, byte for byte.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFileNotFound"/> when it is no symbolic link,
    /// <see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    public byte[] ReadLink(uint number)
    {
        var inode = ReadInode(number);
        if (inode.FileType != ExtFileType.SymbolicLink)
            throw new EngineException(ErrorIds.OverlayFileNotFound, $"Inode {number} is not a symbolic link.", null);
        if (InlineData.IsIn(this, inode))
        {
            return inode.Size is > 0 and <= LongestInlineLink
                ? InlineData.Content(this, number, inode)
                : throw ExtCorrupt.At($"symbolic link, inode {number}", OffsetOfInode(number), $"its size is {inode.Size}");
        }

        if (inode.IsFastLink)
            return inode.Pointers[..(int)inode.Size].ToArray();
        if (inode.Size <= 0 || inode.Size >= BlockSize)
            throw ExtCorrupt.At($"symbolic link, inode {number}", OffsetOfInode(number), $"its size is {inode.Size}");
        var target = new byte[inode.Size];
        var (block, _) = FileMap.Of(this, inode, number).RunAt(0);
        if (block == 0)
            throw ExtCorrupt.At($"symbolic link, inode {number}", OffsetOfInode(number), "it has no block");
        _window.Read(Geometry.OffsetOf(block), target);
        return target;
    }

    /// <summary>Finds a file by its path from the root, component by component.</summary>
    /// <param name="path">For example <c>/upper/etc</c>; <c>.</c> and doubled slashes are ignored, <c>..</c> at the
    /// root
    /// stays there.</param>
    /// <param name="followLinks">Whether symbolic links are followed, inside the file system; else one in the middle is
    /// not found.</param>
    /// <returns>The inode, or null when there is no such file.</returns>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayCorrupt"/>, also for too many links.</exception>
    public uint? Find(string path, bool followLinks = false)
    {
        var pending = new Stack<byte[]>();
        Push(pending, System.Text.Encoding.UTF8.GetBytes(path));
        var trail = new List<uint> { ExtInode.Root };
        var followed = 0;
        while (pending.TryPop(out var component))
        {
            var directory = trail[^1];
            if (ReadInode(directory).FileType != ExtFileType.Directory)
                return null;
            if (component is [(byte)'.', (byte)'.'])
            {
                if (trail.Count > 1)
                    trail.RemoveAt(trail.Count - 1);
                continue;
            }

            if (component.Length > ExtName.MaxLength || FindIn(directory, component) is not { } inode)
                return null;
            if (!followLinks || ReadInode(inode).FileType != ExtFileType.SymbolicLink)
            {
                trail.Add(inode);
                continue;
            }

            if (++followed > MaxLinksFollowed)
                return null;
            var target = ReadLink(inode);
            if (target is [(byte)'/', ..])
                trail.RemoveRange(1, trail.Count - 1);
            Push(pending, target);
        }

        return trail[^1];
    }

    /// <summary>The bytes of a group's descriptor.</summary>
    internal GroupDescriptor ReadGroup(uint group, Span<byte> buffer)
    {
        DescriptorBytes(group)[..GroupDescriptor.Size].CopyTo(buffer);
        return new GroupDescriptor(buffer);
    }

    internal long OffsetOfInode(uint number)
    {
        var group = (number - 1) / Geometry.InodesPerGroup;
        var (table, high) = GroupDescriptor.InodeTableOf(DescriptorBytes(group));
        if (high != 0 || table < Geometry.FirstDataBlock || table > Geometry.BlocksCount - Geometry.InodeTableBlocks)
            throw ExtCorrupt.At($"descriptor of group {group}",
                Geometry.OffsetOf(DescriptorBlock(group / Geometry.DescriptorsPerBlock)),
                $"its inode table starts at block {table}, outside the file system");
        return Geometry.OffsetOf(table) + (long)((number - 1) % Geometry.InodesPerGroup) * Geometry.InodeSize;
    }

    private Span<byte> DescriptorBytes(uint group)
    {
        var block = DescriptorBlock(group / Geometry.DescriptorsPerBlock);
        if (block != _descriptorBlockAt)
        {
            _descriptorBlockAt = 0;
            _window.Read(Geometry.OffsetOf(block), _descriptorBlock);
            _descriptorBlockAt = block;
        }

        var at = (int)(group % Geometry.DescriptorsPerBlock) * Geometry.DescriptorSize;
        return _descriptorBlock.AsSpan(at, Geometry.DescriptorSize);
    }

    // With meta_bg, from some block of descriptors on each lies in the first group that it describes.
    private uint DescriptorBlock(uint index)
    {
        if (!HasMetaBg || index < Superblock.FirstMetaBg)
            return Geometry.FirstDataBlock + 1 + index;
        var group = index * Geometry.DescriptorsPerBlock;
        return Geometry.FirstBlock(group) + (Geometry.HasSuperblock(group) ? 1u : 0u);
    }

    private uint? FindIn(uint directory, byte[] name)
    {
        foreach (var entry in ReadDirectory(directory))
        {
            if (entry.Name.Bytes.SequenceEqual(name))
                return entry.Inode;
        }

        return null;
    }

    private IEnumerable<ExtDirectoryEntry> Entries(uint number, FileMap map, long blocks)
    {
        var buffer = new byte[BlockSize];
        for (var logical = 0L; logical < blocks; logical++)
        {
            var (block, _) = map.RunAt(logical);
            if (block == 0)
                throw ExtCorrupt.At($"directory, inode {number}", OffsetOfInode(number), $"its block {logical} is missing");
            _window.Read(Geometry.OffsetOf(block), buffer);
            foreach (var entry in EntriesIn(buffer, number, Geometry.OffsetOf(block)))
                yield return entry;
        }
    }

    private IEnumerable<ExtDirectoryEntry> InlineEntries(uint number, ExtInode inode)
    {
        var offset = OffsetOfInode(number);
        foreach (var area in InlineData.DirectoryAreas(this, number, inode))
        {
            foreach (var entry in EntriesIn(area, number, offset))
                yield return entry;
        }
    }

    // The inner nodes of a hashed directory look like empty entries, so they need no care here.
    private IEnumerable<ExtDirectoryEntry> EntriesIn(byte[] area, uint number, long offset)
    {
        for (var at = 0; at < area.Length;)
        {
            var (length, entry) = ParseEntry(area, at, number, offset + at);
            if (entry is { } found)
                yield return found;
            at += length;
        }
    }

    private (int Length, ExtDirectoryEntry? Entry) ParseEntry(byte[] area, int at, uint number, long offset)
    {
        var raw = area.AsSpan(at);
        if (raw.Length < DirectoryBlocks.SizeOf(1))
            throw Broken("an entry does not fit");
        var inode = BinaryPrimitives.ReadUInt32LittleEndian(raw);
        int length = BinaryPrimitives.ReadUInt16LittleEndian(raw[4..]);
        if (length is 0 or ushort.MaxValue && BlockSize == 65536)
            length = BlockSize;
        var nameLength = raw[6];
        if (length < DirectoryBlocks.SizeOf(1) || length % 4 != 0 || length > raw.Length
            || DirectoryBlocks.HeaderSize + nameLength > length)
            throw Broken("the length of an entry is wrong");
        if (inode == 0)
            return (length, null);
        if (inode > Superblock.InodesCount)
            throw Broken($"an entry leads to inode {inode}, which does not exist");
        var name = raw.Slice(DirectoryBlocks.HeaderSize, nameLength);
        if (name is [(byte)'.'] or [(byte)'.', (byte)'.'])
            return (length, null);
        if (name.IsEmpty || name.ContainsAny((byte)'/', (byte)0))
            throw Broken("a name is empty, or contains a slash or a NUL");
        var hasType = (Superblock.FeatureIncompat & ExtFeatures.IncompatFileType) != 0;
        var type = hasType && raw[7] <= (byte)ExtFileType.SymbolicLink ? (ExtFileType)raw[7] : ExtFileType.Unknown;
        return (length, new ExtDirectoryEntry(new ExtName(name), inode, type));

        EngineException Broken(string what) => ExtCorrupt.At($"directory, inode {number}", offset, what);
    }

    /// <summary>Puts the components of a path on a stack, the first on top.</summary>
    internal static void Push(Stack<byte[]> pending, ReadOnlySpan<byte> path)
    {
        for (var end = path.Length; end > 0;)
        {
            var start = path[..end].LastIndexOf((byte)'/') + 1;
            var component = path[start..end];
            if (component is not ([] or [(byte)'.']))
                pending.Push(component.ToArray());
            end = start - 1;
        }
    }
}
