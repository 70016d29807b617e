using System.Buffers.Binary;
using System.Text;

namespace OverlayTools.Ext;

/// <summary>An extended attribute as the disk has it: the namespace as a number, the name without it, the value.</summary>
/// <param name="Index">The namespace (<c>e_name_index</c>).</param>
/// <param name="Name">The rest of the name; empty for access control lists.</param>
/// <param name="Value">The value in the form of the disk.</param>
internal readonly record struct AttributeEntry(byte Index, byte[] Name, byte[] Value)
{
    /// <summary>The namespace <c>system.</c> itself, which holds the rest of inline data under the name
    /// <c>data</c>.</summary>
    public const byte SystemIndex = 7;

    private const byte AccessAclIndex = 2;
    private const byte DefaultAclIndex = 3;
    private const int LongestName = 255;
    private const string AccessAcl = "system.posix_acl_access";
    private const string DefaultAcl = "system.posix_acl_default";

    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);
    private static readonly (string Prefix, byte Index)[] Prefixes = [("user.", 1), ("trusted.", 4), ("security.", 6)];

    /// <summary>Bytes of the entry with its value.</summary>
    public int Size => AttributeBlock.EntrySize + AttributeBlock.Padded(Name.Length) + AttributeBlock.Padded(Value.Length);

    /// <summary>The attributes in the order in which the kernel searches for them (fs/ext4/xattr.c,
    /// ext4_xattr_cmp_entry).</summary>
    /// <param name="attributes">Values by full name, as the system calls have them.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFeatureUnsupported"/> for a name that ext3 cannot
    /// store.</exception>
    public static List<AttributeEntry> Sorted(IReadOnlyDictionary<string, byte[]> attributes)
    {
        return Sorted(attributes.Select(pair => From(pair.Key, pair.Value)));
    }

    /// <summary>Entries in that order.</summary>
    public static List<AttributeEntry> Sorted(IEnumerable<AttributeEntry> attributes)
    {
        var entries = attributes.ToList();
        entries.Sort(static (left, right) =>
        {
            var order = left.Index.CompareTo(right.Index);
            if (order == 0)
                order = left.Name.Length.CompareTo(right.Name.Length);
            return order == 0 ? left.Name.AsSpan().SequenceCompareTo(right.Name) : order;
        });
        return entries;
    }

    /// <summary>The full name, or null where no system call shows the attribute.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayCorrupt"/>, or
    /// <see cref="ErrorIds.OverlayFeatureUnsupported"/> for a name that is not text.</exception>
    public static string? FullName(byte index, ReadOnlySpan<byte> name)
    {
        if (index is AccessAclIndex or DefaultAclIndex)
            return name.IsEmpty ? index == AccessAclIndex ? AccessAcl : DefaultAcl : null;
        var prefix = Array.Find(Prefixes, pair => pair.Index == index).Prefix;
        if (prefix is null)
            return null;
        if (name.IsEmpty || name.Contains((byte)0))
            throw ExtCorrupt.Because("an extended attribute has no name, or a NUL in it.");
        try
        {
            return prefix + StrictUtf8.GetString(name);
        }
        catch (DecoderFallbackException error)
        {
            throw new EngineException(ErrorIds.OverlayFeatureUnsupported,
                $"The name of an extended attribute in '{prefix}' is not UTF-8.", "Remove the attribute from the file.",
                null, error);
        }
    }

    /// <summary>The value in the form of the system calls.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayCorrupt"/> for a list that cannot be.</exception>
    public static byte[] ForUser(byte index, ReadOnlySpan<byte> value) =>
        index is AccessAclIndex or DefaultAclIndex ? AccessControlList.FromDisk(value) : value.ToArray();

    /// <summary>Whether it has this name.</summary>
    public bool IsNamed(AttributeEntry other) => Index == other.Index && Name.AsSpan().SequenceEqual(other.Name);

    /// <summary>The name alone, with no value that had to be right.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFeatureUnsupported"/> for a name that ext3 cannot
    /// store.</exception>
    public static AttributeEntry NameOnly(string fullName) => From(fullName, AccessControlList.Empty);

    /// <summary>An attribute as the disk has it.</summary>
    /// <param name="fullName">For example <c>user.mime_type</c>.</param>
    /// <param name="value">The value in the form of the system calls.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFeatureUnsupported"/> for a name that ext3 cannot
    /// store, or a list in an unknown form.</exception>
    public static AttributeEntry From(string fullName, byte[] value)
    {
        if (fullName is AccessAcl or DefaultAcl)
        {
            return new AttributeEntry(fullName == AccessAcl ? AccessAclIndex : DefaultAclIndex, [],
                AccessControlList.ToDisk(fullName, value));
        }

        foreach (var (prefix, index) in Prefixes)
        {
            if (!fullName.StartsWith(prefix, StringComparison.Ordinal))
                continue;
            var name = Encoding.UTF8.GetBytes(fullName[prefix.Length..]);
            if (name.Length is > 0 and <= LongestName)
                return new AttributeEntry(index, name, value);
        }

        throw new EngineException(ErrorIds.OverlayFeatureUnsupported,
            $"ext3 cannot store the extended attribute '{fullName}'.", "Remove it from the file.");
    }
}

/// <summary>
/// The two forms of an access control list: the system calls have version 2 and eight bytes an entry; on disk it is
/// version 1, and only named users and groups have an id (fs/ext4/acl.c).
/// </summary>
internal static class AccessControlList
{
    private const uint UserVersion = 2;
    private const uint DiskVersion = 1;
    private const int HeaderSize = 4;
    private const int LongEntry = 8;
    private const int ShortEntry = 4;
    private const uint NoId = uint.MaxValue;

    /// <summary>A list without entries, as the system calls have it.</summary>
    public static readonly byte[] Empty = [(byte)UserVersion, 0, 0, 0];

    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFeatureUnsupported"/>.</exception>
    public static byte[] ToDisk(string name, ReadOnlySpan<byte> value)
    {
        if (value.Length < HeaderSize || BinaryPrimitives.ReadUInt32LittleEndian(value) != UserVersion
            || (value.Length - HeaderSize) % LongEntry != 0)
            throw new EngineException(ErrorIds.OverlayFeatureUnsupported,
                $"The access control list in '{name}' has an unknown form.", "Remove it from the file.");
        var disk = new List<byte> { (byte)DiskVersion, 0, 0, 0 };
        for (var at = HeaderSize; at < value.Length; at += LongEntry)
            disk.AddRange(value.Slice(at, HasId(value[at..]) ? LongEntry : ShortEntry));
        return [.. disk];
    }

    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayCorrupt"/>.</exception>
    public static byte[] FromDisk(ReadOnlySpan<byte> value)
    {
        if (value.Length < HeaderSize || BinaryPrimitives.ReadUInt32LittleEndian(value) != DiskVersion)
            throw ExtCorrupt.Because("an access control list has an unknown version.");
        var user = new List<byte> { (byte)UserVersion, 0, 0, 0 };
        Span<byte> entry = stackalloc byte[LongEntry];
        for (var rest = value[HeaderSize..]; !rest.IsEmpty;)
        {
            var size = rest.Length >= ShortEntry && HasId(rest) ? LongEntry : ShortEntry;
            if (size > rest.Length)
                throw ExtCorrupt.Because("an access control list ends in the middle of an entry.");
            BinaryPrimitives.WriteUInt32LittleEndian(entry[ShortEntry..], NoId);
            rest[..size].CopyTo(entry);
            user.AddRange(entry);
            rest = rest[size..];
        }

        return [.. user];
    }

    // ACL_USER and ACL_GROUP.
    private static bool HasId(ReadOnlySpan<byte> entry) => BinaryPrimitives.ReadUInt16LittleEndian(entry) is 2 or 8;
}
