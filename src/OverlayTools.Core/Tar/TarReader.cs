using System.Text;

namespace OverlayTools.Tar;

/// <summary>
/// Reads the members of an archive in their order: ustar, GNU and pax, with long names, sparse files and attributes.
/// <para>System.Formats.Tar does not do here: it takes names, link targets and attributes for UTF-8 text and so loses
/// what is none (a capability, a file name in Latin-1), has 31 bits for owners, and does not know sparse files.</para>
/// </summary>
internal sealed class TarReader(TarContentStore store, CancellationToken cancellation)
{
    /// <summary>The most bytes of an extended header or a long name: attributes may have 64 KiB each.</summary>
    private const int MostHeaderBytes = 4 << 20;
    private const int MostMapBytes = 64 << 20;

    private static readonly (string Key, string Attribute)[] s_lists =
    [
        ("SCHILY.acl.access", "system.posix_acl_access"), ("SCHILY.acl.default", "system.posix_acl_default"),
    ];

    private readonly byte[] _block = new byte[TarHeader.Size];
    private readonly PaxRecords _global = new();
    private PaxRecords? _pax;
    private byte[]? _longName;
    private byte[]? _longLink;
    private bool _hasBegun;

    /// <summary>The next member, or null at the end.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.TarCorrupt"/>,
    /// <see cref="ErrorIds.TarUnsupported"/>.</exception>
    public TarMember? Next()
    {
        while (ReadBlock())
        {
            cancellation.ThrowIfCancellationRequested();
            _hasBegun = true;
            var header = new TarHeader(_block);
            if (header.IsEnd)
                break;
            if (!header.IsSound)
                throw TarFailure.Corrupt($"there is no header at offset {store.Position - TarHeader.Size}");
            if (!ReadExtension(header))
                return Finish(header);
        }

        if (!_hasBegun)
            throw TarFailure.Corrupt("it is empty");
        return _pax is null && _longName is null && _longLink is null
            ? null
            : throw TarFailure.Corrupt("an extended header has no member");
    }

    private bool ReadExtension(TarHeader header)
    {
        switch (header.Type)
        {
            case TarHeader.GlobalPax:
                _global.Parse(ReadHeaderData(header));
                return true;
            case TarHeader.Pax or TarHeader.SolarisPax:
                _pax = new PaxRecords(_global);
                _pax.Parse(ReadHeaderData(header));
                return true;
            case TarHeader.GnuLongName:
                _longName = Terminated(ReadHeaderData(header));
                return true;
            case TarHeader.GnuLongLink:
                _longLink = Terminated(ReadHeaderData(header));
                return true;
            case TarHeader.GnuVolume:
                SkipData(header.DataSize, header.Name);
                return true;
            default:
                return false;
        }
    }

    private TarMember Finish(TarHeader header)
    {
        var pax = _pax ?? _global;
        var name = pax.Values.GetValueOrDefault("GNU.sparse.name") ?? pax.Values.GetValueOrDefault("path") ?? _longName ?? header.Name;
        var member = new TarMember
        {
            Name = name,
            Type = header.Type,
            LinkTarget = pax.Values.GetValueOrDefault("linkpath") ?? _longLink ?? header.LinkTarget,
            Permissions = (uint)(header.Mode & 0xFFF),
            UserId = Id(pax.Integer("uid") ?? header.UserId, "owner", name),
            GroupId = Id(pax.Integer("gid") ?? header.GroupId, "group", name),
            Modified = pax.Time("mtime") ?? (header.Modified, 0),
            Attributes = AttributesOf(pax, name),
        };
        var stored = pax.Integer("size") ?? header.DataSize;
        if (stored < 0)
            throw TarFailure.Corrupt($"its size is {stored}", name);
        member = header.Type switch
        {
            0 or (byte)'0' or (byte)'7' when name is [.., (byte)'/'] => WithoutData(member with { Type = TarHeader.Directory }, stored),
            0 or (byte)'0' or (byte)'7' => RegularFile(member, pax, stored),
            TarHeader.GnuSparse => OldSparseFile(header, member, stored),
            TarHeader.Link => member, // its size is that of the file, and nothing is stored (GNU tar, list.c)
            TarHeader.CharacterDevice or TarHeader.BlockDevice => WithoutData(member with
            {
                DeviceMajor = Id(pax.Integer("SCHILY.devmajor") ?? header.DeviceMajor, "device", name),
                DeviceMinor = Id(pax.Integer("SCHILY.devminor") ?? header.DeviceMinor, "device", name),
            }, stored),
            TarHeader.GnuDirectory => WithoutData(member with { Type = TarHeader.Directory }, stored),
            TarHeader.SymbolicLink or TarHeader.Directory or TarHeader.Fifo => WithoutData(member, stored),
            _ => throw TarFailure.Unsupported($"it is of the unknown kind {header.Type}", name),
        };
        (_pax, _longName, _longLink) = (null, null, null);
        return member;
    }

    private TarMember RegularFile(TarMember member, PaxRecords pax, long stored)
    {
        member = member with { Type = (byte)'0', Length = stored };
        if (pax.Sparse.Count == 0)
            return member with { StoredAt = KeepData(stored, member.Name) };
        var length = pax.Integer("GNU.sparse.realsize") ?? pax.Integer("GNU.sparse.size")
            ?? throw TarFailure.Corrupt("it has holes, and no size", member.Name);
        var entries = TarSparseMap.FromHeader(pax, member.Name);
        var (mapBytes, data) = (0L, stored);
        if (pax.Integer("GNU.sparse.major") == 1)
        {
            (entries, mapBytes) = ReadMap(stored, member.Name);
            data -= mapBytes;
        }

        var runs = TarSparseMap.Check(entries, length, data, member.Name);
        var at = store.Keep(data, member.Name, cancellation);
        SkipPadding(stored, member.Name);
        return member with { Length = length, Runs = runs, StoredAt = at };
    }

    // Version 1.0 has the map before the data: numbers in lines, up to a whole block.
    private (List<(long Start, long Count)> Entries, long Bytes) ReadMap(long stored, byte[] name)
    {
        var numbers = new List<long>();
        var digits = new List<byte>();
        var (bytes, wanted) = (0L, 1L);
        while (numbers.Count < wanted)
        {
            if (bytes >= Math.Min(stored, MostMapBytes) || !ReadBlock())
                throw TarFailure.Corrupt("its map of holes has no end", name);
            bytes += TarHeader.Size;
            foreach (var letter in _block)
            {
                if (letter != '\n')
                {
                    digits.Add(letter);
                    if (digits.Count > TarHeader.Size)
                        throw TarFailure.Corrupt("its map of holes has no numbers", name);
                    continue;
                }

                numbers.Add(TarSparseMap.Integer(digits.ToArray(), name));
                digits.Clear();
                if (numbers.Count == 1)
                    wanted = numbers[0] <= MostMapBytes ? 1 + 2 * numbers[0] : throw TarFailure.Corrupt("its map of holes is too long", name);
                if (numbers.Count == wanted)
                    break;
            }
        }

        var entries = new List<(long Start, long Count)>();
        for (var i = 1; i < numbers.Count; i += 2)
            entries.Add((numbers[i], numbers[i + 1]));
        return bytes <= stored ? (entries, bytes) : throw TarFailure.Corrupt("its map of holes does not fit its size", name);
    }

    private TarMember OldSparseFile(TarHeader header, TarMember member, long stored)
    {
        var entries = new List<(long Start, long Count)>();
        TarSparseMap.AddOld(header.SparseMap, entries, member.Name);
        var (length, goesOn) = (header.SparseSize, header.SparseMapGoesOn);
        while (goesOn)
        {
            const int more = 21 * 24;
            if (entries.Count > MostMapBytes / 24 || !ReadBlock())
                throw TarFailure.Corrupt("its map of holes has no end", member.Name);
            TarSparseMap.AddOld(_block.AsSpan(0, more), entries, member.Name);
            goesOn = _block[more] != 0;
        }

        var runs = TarSparseMap.Check(entries, length, stored, member.Name);
        return member with { Type = (byte)'0', Length = length, Runs = runs, StoredAt = KeepData(stored, member.Name) };
    }

    private TarMember WithoutData(TarMember member, long stored)
    {
        SkipData(stored, member.Name);
        return member;
    }

    private byte[] ReadHeaderData(TarHeader header)
    {
        var size = header.DataSize;
        if (size is < 0 or > MostHeaderBytes)
            throw TarFailure.Corrupt($"an extended header has {size} bytes");
        // Read before the memory is taken: a header can say anything.
        using var memory = new MemoryStream();
        for (var left = size; left > 0; left -= TarHeader.Size)
        {
            if (!ReadBlock())
                throw TarFailure.Corrupt("it ends in the middle of an extended header");
            memory.Write(_block, 0, (int)Math.Min(left, TarHeader.Size));
        }

        return memory.ToArray();
    }

    private bool ReadBlock() => store.Read(_block) switch
    {
        0 => false,
        TarHeader.Size => true,
        _ => throw TarFailure.Corrupt("it ends in the middle of a block"),
    };

    private long KeepData(long count, byte[] name)
    {
        var at = store.Keep(count, name, cancellation);
        SkipPadding(count, name);
        return at;
    }

    private void SkipData(long count, byte[] name)
    {
        if (count < 0)
            throw TarFailure.Corrupt($"its size is {count}", name);
        store.Skip(count, name, cancellation);
        SkipPadding(count, name);
    }

    private void SkipPadding(long count, byte[] name) => store.Skip(-count & (TarHeader.Size - 1), name, cancellation);

    private static Dictionary<string, byte[]> AttributesOf(PaxRecords pax, byte[] name)
    {
        var attributes = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        foreach (var (key, value) in pax.Values)
        {
            if (key.StartsWith(TarMember.AttributePrefix, StringComparison.Ordinal))
                attributes[key[TarMember.AttributePrefix.Length..]] = value;
        }

        foreach (var (key, attribute) in s_lists)
        {
            if (pax.Values.TryGetValue(key, out var text))
                attributes[attribute] = TarAccessList.Parse(Encoding.UTF8.GetString(text), name);
        }

        return attributes;
    }

    private static byte[] Terminated(byte[] text) =>
        Array.IndexOf(text, (byte)0) is >= 0 and var end ? text[..end] : text;

    private static uint Id(long value, string what, byte[] name) => value is >= 0 and <= uint.MaxValue
        ? (uint)value
        : throw TarFailure.Corrupt($"its {what} is {value}", name);
}
