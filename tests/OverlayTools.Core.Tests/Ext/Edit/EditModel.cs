using OverlayTools.Ext;

namespace OverlayTools.Core.Tests.Ext.Edit;

/// <summary>Does operations on an image and on a model of it, and holds the outcomes against each other.</summary>
internal sealed class EditModel
{
    private const int MostContent = 600_000;

    /// <summary>A list for a user and a mask, in the form of the kernel's interface.</summary>
    private static readonly byte[] s_acl = Convert.FromHexString(
        "02000000" + "01000600FFFFFFFF" + "02000600D2040000" + "04000400FFFFFFFF" + "10000600FFFFFFFF" + "20000400FFFFFFFF");

    private readonly Func<ExtEditor> _open;
    private readonly bool _hasNanoseconds;
    private ExtEditor _editor;
    private long _clock = 1_600_000_000;

    public EditModel(Func<ExtEditor> open, bool hasNanoseconds)
    {
        _open = open;
        _hasNanoseconds = hasNanoseconds;
        _editor = open();
        Root = new ModelFile(ExtEditor.Root, ExtFileType.Directory) { Permissions = 0x1ED };
        // The root is older than the model.
        _editor.Time = Next();
        _editor.SetPermissions(ExtEditor.Root, 0x1ED);
        _editor.SetTimes(ExtEditor.Root, Now, Now, Now);
        (Root.Modified, Root.Changed) = (Now, Now);
    }

    public ModelFile Root { get; }

    /// <summary>How often each operation was done, or refused.</summary>
    public Dictionary<string, int> Done { get; } = [];

    private ExtTime Now { get; set; }

    public void Do(int kind, int a, int b, int c)
    {
        _editor.Time = Next();
        var random = new Random(unchecked((a * 31 + b) * 31 + c));
        switch (kind)
        {
            case 0 or 1: Create(Directory(a), Name(b), ExtFileType.RegularFile, random); break;
            case 2: Create(Directory(a), Name(b), ExtFileType.Directory, random); break;
            case 3: Create(Directory(a), Name(b), ExtFileType.SymbolicLink, random); break;
            case 4: Create(Directory(a), Name(b), (ExtFileType)random.Next(3, 7), random); break;
            case 5: Link(Any(a), Directory(b), Name(c)); break;
            case 6: Remove(Directory(a), b, isDirectory: false); break;
            case 7: Remove(Directory(a), b, isDirectory: true); break;
            case 8 or 9: Rename(Directory(a), b, Directory(c), Name(a ^ c)); break;
            case 10 or 11 or 12: Write(Any(a), random); break;
            case 13: Truncate(Any(a), random); break;
            case 14: Replace(Any(a), random); break;
            case 15: Change(Any(a), random); break;
            // On few files, so that they come to have many.
            case 16: SetAttribute(Any(a & 7), random); break;
            case 17: RemoveAttribute(Any(a & 7), random); break;
            case 18: CreateMany(Directory(a), random); break;
            case 19: RemoveMany(Directory(a), random); break;
            case 20: RemoveTree(Directory(a), b); break;
            case 21: Count("commit", _editor.Commit()); break;
            default: Reopen(); break;
        }
    }

    public void Finish()
    {
        _editor.Commit();
        _editor.Dispose();
    }

    private void Reopen()
    {
        _editor.Commit();
        _editor.Dispose();
        _editor = _open();
        Count("reopen", true);
    }

    private void Create(ModelFile parent, string name, ExtFileType type, Random random)
    {
        var mode = (uint)random.Next(0x1000);
        uint user = (uint)random.NextInt64(uint.MaxValue), group = (uint)random.Next(3) * 40_000;
        var target = new string('t', random.Next(4) == 0 ? random.Next(60, 1000) : random.Next(1, 62));
        (uint Major, uint Minor) device = random.Next(2) == 0 ? (0, 0) : ((uint)random.Next(4096), (uint)random.Next(1 << 20));
        var isDevice = type is ExtFileType.CharacterDevice or ExtFileType.BlockDevice;
        Expect("make " + type, parent.Children.ContainsKey(name) ? ErrorIds.OverlayAlreadyExists : null, () =>
        {
            var inode = type switch
            {
                ExtFileType.RegularFile => _editor.CreateFile(parent.Inode, name, mode, user, group),
                ExtFileType.Directory => _editor.MakeDirectory(parent.Inode, name, mode, user, group),
                ExtFileType.SymbolicLink => _editor.MakeSymbolicLink(parent.Inode, name, target, user, group),
                _ => _editor.MakeNode(parent.Inode, name, type, mode, user, group, device.Major, device.Minor),
            };
            parent.Children.Add(name, new ModelFile(inode, type)
            {
                Permissions = type == ExtFileType.SymbolicLink ? 0x1FF : mode,
                UserId = user,
                GroupId = group,
                Target = type == ExtFileType.SymbolicLink ? target : "",
                Device = isDevice ? device : default,
                Modified = Now,
                Changed = Now,
            });
            Touch(parent);
        });
    }

    private void Link(ModelFile file, ModelFile parent, string name) => Expect("link",
        file.IsDirectory ? ErrorIds.OverlayWrongFileType : parent.Children.ContainsKey(name) ? ErrorIds.OverlayAlreadyExists : null, () =>
        {
            _editor.Link(file.Inode, parent.Inode, name);
            parent.Children.Add(name, file);
            file.Names++;
            file.Changed = Now;
            Touch(parent);
        });

    private void Remove(ModelFile parent, int which, bool isDirectory)
    {
        var (name, file) = Child(parent, which);
        var expected = file is null ? ErrorIds.OverlayFileNotFound
            : file.IsDirectory != isDirectory ? ErrorIds.OverlayWrongFileType
            : file.Children.Count > 0 ? ErrorIds.OverlayDirectoryNotEmpty : null;
        Expect(isDirectory ? "rmdir" : "unlink", expected, () =>
        {
            if (isDirectory)
                _editor.RemoveDirectory(parent.Inode, name);
            else
                _editor.Unlink(parent.Inode, name);
            Drop(parent, name);
            Touch(parent);
        });
    }

    private void Rename(ModelFile from, int which, ModelFile to, string newName)
    {
        var (name, file) = Child(from, which);
        // Often onto something that is there.
        if ((which & 3) == 0)
            newName = to.Children.Keys.ElementAtOrDefault((which >> 2 & int.MaxValue) % Math.Max(1, to.Children.Count)) ?? newName;
        var there = to.Children.GetValueOrDefault(newName);
        var expected = file is null ? ErrorIds.OverlayFileNotFound
            : file.IsDirectory && file.Holds(to) ? ErrorIds.OverlayMoveIntoItself
            : there is null || there == file ? null
            : there.IsDirectory != file.IsDirectory ? ErrorIds.OverlayWrongFileType
            : there.Children.Count > 0 ? ErrorIds.OverlayDirectoryNotEmpty : null;
        Expect(there is null ? "rename" : "rename over", expected, () =>
        {
            _editor.Rename(from.Inode, name, to.Inode, newName);
            if (there == file)
                return;
            if (there is not null)
                Drop(to, newName);
            from.Children.Remove(name);
            to.Children.Add(newName, file!);
            file!.Changed = Now;
            Touch(from);
            Touch(to);
        });
    }

    private void Write(ModelFile file, Random random)
    {
        var offset = random.Next(3) switch
        {
            0 => file.Content.Length,
            1 => random.Next(file.Content.Length + 1),
            _ => random.Next(MostContent),
        };
        var bytes = new byte[1 + random.Next(random.Next(3) == 0 ? 60_000 : 3000)];
        random.NextBytes(bytes);
        Expect("write", WrongUnlessFile(file), () =>
        {
            if (random.Next(2) == 0)
                _editor.Write(file.Inode, offset, bytes);
            else
                Assert.Equal(bytes.Length, _editor.WriteFrom(file.Inode, offset, new MemoryStream(bytes)));
            var content = file.Content;
            if (content.Length < offset + bytes.Length)
                Array.Resize(ref content, offset + bytes.Length);
            bytes.CopyTo(content, offset);
            file.Content = content;
            Touch(file);
        });
    }

    private void Truncate(ModelFile file, Random random)
    {
        var size = random.Next(4) switch
        {
            0 => 0,
            1 => random.Next(MostContent),
            _ => random.Next(file.Content.Length + 1),
        };
        Expect("truncate", WrongUnlessFile(file), () =>
        {
            _editor.Truncate(file.Inode, size);
            var content = file.Content;
            Array.Resize(ref content, size);
            file.Content = content;
            Touch(file);
        });
    }

    private void Replace(ModelFile file, Random random)
    {
        var bytes = new byte[random.Next(200_000)];
        var runs = new List<(long, long)>();
        for (var at = random.Next(20_000); at < bytes.Length;)
        {
            var end = Math.Min(bytes.Length, at + 1 + random.Next(30_000));
            random.NextBytes(bytes.AsSpan(at, end - at));
            runs.Add((at, end));
            at = end + 1 + random.Next(30_000);
        }

        Expect("replace", WrongUnlessFile(file), () =>
        {
            _editor.WriteFrom(file.Inode, new ExtContent(bytes.Length, () => new MemoryStream(bytes), runs));
            file.Content = bytes;
            Touch(file);
        });
    }

    private void Change(ModelFile file, Random random)
    {
        switch (random.Next(3))
        {
            case 0:
                file.Permissions = file.Type == ExtFileType.SymbolicLink ? file.Permissions : (uint)random.Next(0x1000);
                _editor.SetPermissions(file.Inode, file.Permissions);
                file.Changed = Now;
                break;
            case 1:
                (file.UserId, file.GroupId) = ((uint)random.NextInt64(uint.MaxValue), (uint)random.NextInt64(uint.MaxValue));
                _editor.SetOwner(file.Inode, file.UserId, file.GroupId);
                file.Changed = Now;
                break;
            default:
                file.Modified = new ExtTime(random.Next(), _hasNanoseconds ? (uint)random.Next(1_000_000_000) : 0);
                _editor.SetTimes(file.Inode, Now, file.Modified);
                file.Changed = Now;
                break;
        }

        Count("change", true);
    }

    private void SetAttribute(ModelFile file, Random random)
    {
        var name = AttributeName(random);
        var isAcl = name.StartsWith("system.", StringComparison.Ordinal);
        var value = isAcl ? s_acl : new byte[random.Next(3) == 0 ? random.Next(300) : random.Next(40)];
        if (!isAcl)
            random.NextBytes(value);
        var isForbidden = (name.StartsWith("user.", StringComparison.Ordinal) && file.Type is not (ExtFileType.RegularFile or ExtFileType.Directory))
            || (isAcl && file.Type == ExtFileType.SymbolicLink);
        try
        {
            Expect("set attribute", isForbidden ? ErrorIds.OverlayWrongFileType : null, () =>
            {
                _editor.SetAttribute(file.Inode, name, value);
                file.Attributes[name] = value;
                file.Changed = Now;
            });
        }
        catch (EngineException error) when (error.ErrorId == ErrorIds.OverlayFull)
        {
            Count("attribute does not fit", true);
        }
    }

    private void RemoveAttribute(ModelFile file, Random random)
    {
        var name = file.Attributes.Count > 0 && random.Next(4) != 0
            ? file.Attributes.Keys.ElementAt(random.Next(file.Attributes.Count)) : AttributeName(random);
        Expect("remove attribute", file.Attributes.ContainsKey(name) ? null : ErrorIds.OverlayAttributeNotFound, () =>
        {
            _editor.RemoveAttribute(file.Inode, name);
            file.Attributes.Remove(name);
            file.Changed = Now;
        });
    }

    private void CreateMany(ModelFile parent, Random random)
    {
        for (var i = 0; i < 60; i++)
            Create(parent, Name(random.Next()), ExtFileType.RegularFile, random);
    }

    private void RemoveMany(ModelFile parent, Random random)
    {
        for (var i = 0; i < 40; i++)
            Remove(parent, random.Next(), isDirectory: false);
    }

    private void RemoveTree(ModelFile parent, int which)
    {
        var (name, file) = Child(parent, which);
        if ((which & 7) != 0 && file is { IsDirectory: true })
            return;
        Expect("remove tree", file is null ? ErrorIds.OverlayFileNotFound : null, () =>
        {
            _editor.RemoveTree(parent.Inode, name, null, CancellationToken.None);
            DropTree(parent, name);
            Touch(parent);
        });
    }

    private void Expect(string what, string? error, Action action)
    {
        if (error is null)
        {
            action();
            Count(what, true);
            return;
        }

        var thrown = Assert.Throws<EngineException>(action);
        Assert.True(error == thrown.ErrorId, $"{what}: {error} was expected, not {thrown.ErrorId}: {thrown.Message}");
        Count(what, false);
    }

    private void Count(string what, bool isDone) =>
        Done[isDone ? what : what + ", refused"] = Done.GetValueOrDefault(isDone ? what : what + ", refused") + 1;

    private void Drop(ModelFile parent, string name)
    {
        parent.Children.Remove(name, out var file);
        file!.Names--;
        file.Changed = Now;
    }

    private void DropTree(ModelFile parent, string name)
    {
        foreach (var child in parent.Children[name].Children.Keys.ToList())
            DropTree(parent.Children[name], child);
        Drop(parent, name);
    }

    private void Touch(ModelFile file) => (file.Modified, file.Changed) = (Now, Now);

    private ExtTime Next() => Now = new ExtTime(_clock++, _hasNanoseconds ? (uint)(_clock * 7919 % 1_000_000_000) : 0);

    private static string? WrongUnlessFile(ModelFile file) => file.Type == ExtFileType.RegularFile ? null : ErrorIds.OverlayWrongFileType;

    private static string AttributeName(Random random) => random.Next(12) switch
    {
        0 => "system.posix_acl_access",
        < 3 => $"trusted.overlay.n{random.Next(3)}",
        < 5 => $"security.n{random.Next(2)}",
        _ => $"user.n{random.Next(6)}",
    };

    private static string Name(int number)
    {
        var index = (number & int.MaxValue) % 400;
        return (index % 5) switch
        {
            0 => $"n{index}",
            1 => $"a name with äöü and {index}",
            2 => new string((char)('a' + index % 26), 1 + index * 7 % 240) + index,
            3 => $".hidden{index}.txt",
            _ => $"{index:d8}.so.{index % 3}",
        };
    }

    private static (string Name, ModelFile? File) Child(ModelFile parent, int which)
    {
        if (parent.Children.Count == 0 || which % 11 == 0)
            return ("missing", null);
        var (name, file) = parent.Children.ElementAt((which & int.MaxValue) % parent.Children.Count);
        return (name, file);
    }

    private ModelFile Directory(int which)
    {
        var all = new List<ModelFile>();
        Collect(Root, all, directoriesOnly: true);
        return all[(which & int.MaxValue) % all.Count];
    }

    private ModelFile Any(int which)
    {
        var all = new List<ModelFile>();
        Collect(Root, all, directoriesOnly: false);
        return all[(which & int.MaxValue) % all.Count];
    }

    private static void Collect(ModelFile file, List<ModelFile> all, bool directoriesOnly)
    {
        if (!directoriesOnly || file.IsDirectory)
            all.Add(file);
        foreach (var child in file.Children.Values)
            Collect(child, all, directoriesOnly);
    }
}
