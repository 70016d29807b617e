using OverlayTools.Tar;

namespace OverlayTools.Ext;

/// <summary>Puts the members of an archive into a tree, one after another, as unpacking them would.</summary>
internal sealed class TarTreeBuilder(TarContentStore store, (uint UserId, uint GroupId)? owner)
{
    /// <summary>The longest path that a system call takes (<c>PATH_MAX</c>).</summary>
    private const int MostPathBytes = 4096;
    private const uint DefaultDirectoryMode = 0x1ED; // 0755

    private readonly Place _root = new(null);

    /// <summary>A name in the tree: a directory that may get more entries, or a finished file.</summary>
    private sealed class Place(ExtNode? file)
    {
        /// <summary>What it is; null for a directory.</summary>
        public ExtNode? File { get; } = file;

        /// <summary>The member that described the directory, if any did.</summary>
        public TarMember? Directory { get; set; }

        public Dictionary<ExtName, Place> Entries { get; } = [];
    }

    /// <exception cref="EngineException"><see cref="ErrorIds.TarMemberRefused"/>,
    /// <see cref="ErrorIds.TarUnsupported"/>.</exception>
    public void Add(TarMember member)
    {
        var path = Components(member, member.Name);
        if (member.Type == TarHeader.Directory)
        {
            Check(member);
            DirectoryAt(member, path).Directory = member;
            return;
        }

        if (path.Count == 0)
            throw TarFailure.Unsafe(member.Name, "it is no directory, and has the name of the root");
        var parent = DirectoryAt(member, path[..^1], mayReplace: false);
        parent.Entries[path[^1]] = new Place(member.Type == TarHeader.Link ? Linked(member) : MakeFile(member));
    }

    /// <summary>The tree, each directory sorted by the bytes of its names.</summary>
    public ExtNode Build()
    {
        var root = MakeDirectory(_root.Directory);
        var pending = new Stack<(Place Place, ExtNode Node)>();
        pending.Push((_root, root));
        while (pending.TryPop(out var next))
        {
            var names = next.Place.Entries.Keys.ToArray();
            Array.Sort(names, static (left, right) => left.Bytes.SequenceCompareTo(right.Bytes));
            foreach (var name in names)
            {
                var place = next.Place.Entries[name];
                var node = next.Node.Add(name, place.File ?? MakeDirectory(place.Directory));
                if (place.File is null)
                    pending.Push((place, node));
            }
        }

        return root;
    }

    // What is there may be a symbolic link: unpacking must not go through it, wherever it leads.
    private Place DirectoryAt(TarMember member, List<ExtName> path, bool mayReplace = true)
    {
        var place = _root;
        for (var i = 0; i < path.Count; i++)
        {
            if (place.Entries.TryGetValue(path[i], out var next) && next.File is not null)
            {
                if (!mayReplace || i < path.Count - 1)
                    throw TarFailure.Unsafe(member.Name, $"'{path[i]}' on the way to it is no directory");
                next = null;
            }

            place = next ?? (place.Entries[path[i]] = new Place(null));
        }

        return place;
    }

    private ExtNode Linked(TarMember member)
    {
        var path = Components(member, member.LinkTarget);
        var place = _root;
        foreach (var name in path)
        {
            if (!place.Entries.TryGetValue(name, out var next))
                throw TarFailure.Unsafe(member.Name, $"it is a hard link to '{Text(member)}', which is not in the archive before it");
            place = next;
        }

        return place.File ?? throw TarFailure.Unsafe(member.Name, $"it is a hard link to '{Text(member)}', a directory");
    }

    private ExtNode MakeFile(TarMember member)
    {
        Check(member);
        var type = member.Type switch
        {
            (byte)'0' => ExtFileType.RegularFile,
            TarHeader.SymbolicLink => ExtFileType.SymbolicLink,
            TarHeader.CharacterDevice => ExtFileType.CharacterDevice,
            TarHeader.BlockDevice => ExtFileType.BlockDevice,
            TarHeader.Fifo => ExtFileType.Fifo,
            _ => throw TarFailure.Unsupported($"it is of the unknown kind {member.Type}", member.Name),
        };
        if (type == ExtFileType.SymbolicLink && (member.LinkTarget.Length is 0 or >= MostPathBytes || member.LinkTarget.Contains((byte)0)))
            throw TarFailure.Unsafe(member.Name, $"it is a symbolic link of {member.LinkTarget.Length} bytes, or with a NUL");
        return Described(member, type, member.Permissions);
    }

    private ExtNode MakeDirectory(TarMember? member) => member is null
        ? ExtNode.Directory(DefaultDirectoryMode, owner?.UserId ?? 0, owner?.GroupId ?? 0)
        : Described(member, ExtFileType.Directory, member.Permissions);

    private ExtNode Described(TarMember member, ExtFileType type, uint permissions) =>
        new(type, type == ExtFileType.SymbolicLink ? 0x1FF : permissions, owner?.UserId ?? member.UserId, owner?.GroupId ?? member.GroupId)
        {
            Modified = new ExtTime(member.Modified.Seconds, member.Modified.Nanoseconds),
            Attributes = Stored(member),
            Content = type == ExtFileType.RegularFile ? Content(member) : ExtContent.Empty,
            Target = type == ExtFileType.SymbolicLink ? member.LinkTarget : default,
            DeviceMajor = member.DeviceMajor,
            DeviceMinor = member.DeviceMinor,
        };

    private ExtContent Content(TarMember member) => member.Length == 0
        ? ExtContent.Empty
        : new ExtContent(member.Length, () => new TarContentStream(store, member), member.Runs);

    // As from a directory: what else an archive has is another file system's business.
    private static Dictionary<string, byte[]> Stored(TarMember member) =>
        member.Attributes.Where(pair => ExtNodeImporter.IsStored(pair.Key))
            .ToDictionary(pair => pair.Key, pair => pair.Value, StringComparer.Ordinal);

    private static void Check(TarMember member)
    {
        if (member.DeviceMajor > 0xFFF || member.DeviceMinor > 0xFFFFF)
            throw TarFailure.Unsafe(member.Name, $"there is no device {member.DeviceMajor}:{member.DeviceMinor}");
        if (member.Attributes.Count == 0)
            return;
        try
        {
            _ = AttributeEntry.Sorted(Stored(member));
        }
        catch (EngineException error)
        {
            throw TarFailure.Unsupported(error.Message.TrimEnd('.'), member.Name);
        }
    }

    private static List<ExtName> Components(TarMember member, byte[] path)
    {
        var names = new List<ExtName>();
        if (path.Length is 0 or >= MostPathBytes)
            throw TarFailure.Unsafe(member.Name.AsSpan(0, Math.Min(member.Name.Length, 100)), $"a path of {path.Length} bytes");
        var rest = path.AsSpan();
        while (!rest.IsEmpty)
        {
            var slash = rest.IndexOf((byte)'/');
            var component = slash < 0 ? rest : rest[..slash];
            rest = slash < 0 ? default : rest[(slash + 1)..];
            if (component is [] or [(byte)'.'])
                continue;
            if (component is [(byte)'.', (byte)'.'])
                throw TarFailure.Unsafe(member.Name, "'..' may lead outside");
            try
            {
                names.Add(new ExtName(component));
            }
            catch (EngineException error) when (error.ErrorId == ErrorIds.InvalidDirectoryName)
            {
                throw TarFailure.Unsafe(member.Name, error.Message.TrimEnd('.'));
            }
        }

        return names;
    }

    private static string Text(TarMember member) => System.Text.Encoding.UTF8.GetString(member.LinkTarget).Replace('\0', '\uFFFD');
}
