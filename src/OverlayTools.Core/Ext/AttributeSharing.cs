using System.Security.Cryptography;

namespace OverlayTools.Ext;

/// <summary>Lets files with the same attributes share a block, as the kernel does.</summary>
internal sealed class AttributeSharing
{
    /// <summary>The most files that share one block (fs/ext4/xattr.h, EXT4_XATTR_REFCOUNT_MAX).</summary>
    private const int MostUsers = 1024;

    private readonly Dictionary<(UInt128, UInt128), SharedBlock> _current = [];
    private readonly List<SharedBlock> _shared = [];

    /// <summary>A block of attributes and how many files have it.</summary>
    public sealed class SharedBlock
    {
        /// <summary>Where it lies, once the first user has put it there.</summary>
        public uint Block { get; set; }

        /// <summary>Files that have it (<c>h_refcount</c>).</summary>
        public int Users { get; set; }
    }

    /// <summary>The blocks with more than one user.</summary>
    public IReadOnlyList<SharedBlock> Shared => _shared;

    /// <summary>Counts a user of a block with this content; the block is new when it is the first.</summary>
    public SharedBlock Use(ReadOnlySpan<byte> content)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(content, digest);
        var key = (Half(digest), Half(digest[16..]));
        if (!_current.TryGetValue(key, out var block) || block.Users == MostUsers)
            _current[key] = block = new SharedBlock();
        if (++block.Users == 2)
            _shared.Add(block);
        return block;
    }

    private static UInt128 Half(ReadOnlySpan<byte> bytes) =>
        System.Buffers.Binary.BinaryPrimitives.ReadUInt128LittleEndian(bytes);
}
