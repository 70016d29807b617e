using System.Buffers.Binary;

namespace OverlayTools.Ext.Edit;

/// <summary>The entries of one block of a directory (<c>struct ext2_dir_entry_2</c>): found, added and removed in its
/// bytes.</summary>
internal static class DirectoryBlock
{
    /// <summary>Where the next entry is.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    public static int Next(ReadOnlySpan<byte> block, int at)
    {
        var length = LengthAt(block, at);
        if (length < DirectoryBlocks.SizeOf(1) || length % 4 != 0 || length > block.Length - at
            || DirectoryBlocks.HeaderSize + block[at + 6] > length)
            throw ExtCorrupt.Because($"a directory has an entry of impossible length, {length}.");
        return at + length;
    }

    public static uint InodeAt(ReadOnlySpan<byte> block, int at) =>
        BinaryPrimitives.ReadUInt32LittleEndian(block[at..]);

    public static ExtFileType TypeAt(ReadOnlySpan<byte> block, int at) => (ExtFileType)block[at + 7];

    public static ReadOnlySpan<byte> NameAt(ReadOnlySpan<byte> block, int at) =>
        block.Slice(at + DirectoryBlocks.HeaderSize, block[at + 6]);

    /// <summary>Where the entry of a name is, or -1.</summary>
    public static int Find(ReadOnlySpan<byte> block, ReadOnlySpan<byte> name)
    {
        for (var at = 0; at < block.Length; at = Next(block, at))
        {
            _ = Next(block, at);
            if (InodeAt(block, at) != 0 && NameAt(block, at).SequenceEqual(name))
                return at;
        }

        return -1;
    }

    /// <summary>The largest entry that can be added.</summary>
    public static int Room(ReadOnlySpan<byte> block)
    {
        var most = 0;
        for (var at = 0; at < block.Length;)
        {
            var next = Next(block, at);
            most = Math.Max(most, next - at - Used(block, at));
            at = next;
        }

        return most;
    }

    /// <summary>Adds an entry where there is room.</summary>
    public static bool TryAdd(Span<byte> block, ReadOnlySpan<byte> name, uint inode, ExtFileType type)
    {
        var need = DirectoryBlocks.SizeOf(name.Length);
        for (var at = 0; at < block.Length;)
        {
            var next = Next(block, at);
            var used = Used(block, at);
            if (next - at - used >= need)
            {
                if (used > 0)
                    SetLength(block, at, used);
                Put(block, at + used, next - at - used, name, inode, type);
                return true;
            }

            at = next;
        }

        return false;
    }

    /// <summary>Removes an entry; the one before it gets its room.</summary>
    public static void Remove(Span<byte> block, int entry)
    {
        var before = -1;
        for (var at = 0; at < entry; at = Next(block, at))
            before = at;
        var end = Next(block, entry);
        block[entry..end].Clear();
        if (before < 0)
            SetLength(block, entry, end - entry);
        else
            SetLength(block, before, end - before);
    }

    /// <summary>Lets an entry lead to something else.</summary>
    public static void Retarget(Span<byte> block, int entry, uint inode, ExtFileType type)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(block[entry..], inode);
        block[entry + 7] = (byte)type;
    }

    /// <summary>Writes an entry that has so many bytes.</summary>
    public static void Put(Span<byte> block, int at, int length, ReadOnlySpan<byte> name, uint inode, ExtFileType type)
    {
        var entry = block.Slice(at, length);
        entry.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(entry, inode);
        SetLength(block, at, length);
        entry[6] = (byte)name.Length;
        entry[7] = (byte)type;
        name.CopyTo(entry[DirectoryBlocks.HeaderSize..]);
    }

    /// <summary>Writes the two entries that every directory begins with.</summary>
    public static void PutDots(Span<byte> block, uint self, uint parent, bool hasTypes)
    {
        var type = hasTypes ? ExtFileType.Directory : ExtFileType.Unknown;
        var first = DirectoryBlocks.SizeOf(1);
        Put(block, 0, first, "."u8, self, type);
        Put(block, first, block.Length - first, ".."u8, parent, type);
    }

    /// <summary>Where the entry <c>..</c> of a directory's first block is.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    public static int DotDot(ReadOnlySpan<byte> block, uint self)
    {
        var second = Next(block, 0);
        if (second < block.Length)
            _ = Next(block, second);
        if (second != DirectoryBlocks.SizeOf(1) || InodeAt(block, 0) != self || !NameAt(block, 0).SequenceEqual("."u8)
            || !NameAt(block, second).SequenceEqual(".."u8))
            throw ExtCorrupt.Because($"directory, inode {self}: it does not begin with '.' and '..'.");
        return second;
    }

    /// <summary>Writes entries one beside the other into an empty block; the last reaches to its end.</summary>
    public static void Pack(Span<byte> block, ReadOnlySpan<byte> source, IEnumerable<int> entries)
    {
        block.Clear();
        var (last, used) = (0, 0);
        foreach (var entry in entries)
        {
            var name = NameAt(source, entry);
            last = used;
            Put(block, used, DirectoryBlocks.SizeOf(name.Length), name, InodeAt(source, entry), TypeAt(source, entry));
            used += DirectoryBlocks.SizeOf(name.Length);
        }

        SetLength(block, last, block.Length - last);
    }

    // A record of 65536 bytes is written as 65535 (kernel, ext4_rec_len_to_disk).
    public static void SetLength(Span<byte> block, int at, int length) =>
        BinaryPrimitives.WriteUInt16LittleEndian(block[(at + 4)..], (ushort)Math.Min(length, ushort.MaxValue));

    /// <summary>Bytes that an entry needs; none when it is free.</summary>
    public static int Used(ReadOnlySpan<byte> block, int at) =>
        InodeAt(block, at) == 0 ? 0 : DirectoryBlocks.SizeOf(block[at + 6]);

    private static int LengthAt(ReadOnlySpan<byte> block, int at)
    {
        if (block.Length - at < DirectoryBlocks.HeaderSize)
            return 0;
        int length = BinaryPrimitives.ReadUInt16LittleEndian(block[(at + 4)..]);
        return length is 0 or ushort.MaxValue && block.Length == 65536 ? block.Length : length;
    }
}
