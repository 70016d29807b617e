using OverlayTools.Ext;
using OverlayTools.Ext.Check;

namespace OverlayTools.Core.Tests.Ext;

/// <summary>Does to an image all that the engine can do to one, and notes how it ended.</summary>
internal sealed class HostileRun(HostileWindow window, Random random, TimeSpan longest)
{
    private static readonly string[] s_paths =
    [
        "/upper", "/work", "/upper/a", "/upper/b", "/upper/many", "/upper/long", "/upper/noted", "/upper/deep", "/upper/sparse",
        "/upper/indexed", "/upper/many/a name of some length, number 7", "/upper/many/a name of some length, number 50",
    ];

    private readonly CancellationTokenSource _watchdog = new(longest);
    private readonly byte[] _buffer = new byte[65536];

    public List<string> Outcomes { get; } = [];

    /// <summary>What must not happen, if it happened.</summary>
    public string? Failure { get; private set; }

    public void All()
    {
        using (_watchdog)
        {
            Try("check", () => ExtChecker.Check(window, null, _watchdog.Token).IsSound ? "sound" : "damaged");
            Try("read", () =>
            {
                ReadAll(ExtFileSystem.OpenForReading(window));
                return "done";
            });
            Try("view", () =>
            {
                if (JournalReplay.Find(window, _watchdog.Token)?.View is not { } view)
                    return "clean";
                ReadAll(ExtFileSystem.Open(view));
                return "replayed";
            });
            window.IsWritable = true;
            Change();
        }
    }

    private void Change()
    {
        switch (random.Next(8))
        {
            case 0:
                Try("replay", () =>
                {
                    JournalReplay.Find(window, _watchdog.Token)?.Apply(null, _watchdog.Token);
                    return "done";
                });
                break;
            case 1:
                Try("repair", () => ExtChecker.RepairCounts(window, null, _watchdog.Token) > 0 ? "repaired" : "nothing to do");
                break;
            case 2:
                Try("grow", () => ExtResizer.Grow(window, window.Length + (1 << 19), null, _watchdog.Token).ToString() is "" ? "" : "done");
                break;
            case 3:
                Try("shrink", () =>
                {
                    var least = ExtShrinker.MinimumSize(window, _watchdog.Token);
                    ExtShrinker.Shrink(window, least + random.Next(1 << 19), null, _watchdog.Token);
                    return "done";
                });
                break;
            default:
                Try("edit", Edit);
                break;
        }
    }

    private string Edit()
    {
        using var editor = ExtEditor.Open(window);
        for (var i = 0; i < 6; i++)
            Try("edit", () =>
            {
                EditOnce(editor);
                return "one";
            });
        return editor.Commit() ? "committed" : "nothing to do";
    }

    private void EditOnce(ExtEditor editor)
    {
        var path = s_paths[random.Next(s_paths.Length)];
        if (editor.Find(path) is not { } inode)
            return;
        var (parent, name) = editor.Split(path);
        switch (random.Next(9))
        {
            case 0:
                editor.Write(inode, random.Next(400_000), SampleTree.Bytes(1, random.Next(5000)));
                break;
            case 1:
                editor.Truncate(inode, random.Next(400_000), _watchdog.Token);
                break;
            case 2:
                editor.Unlink(parent, name);
                break;
            case 3:
                editor.RemoveTree(parent, name, null, _watchdog.Token);
                break;
            case 4:
                editor.Rename(parent, name, ExtEditor.Root, new ExtName("moved"));
                break;
            case 5:
                editor.SetAttribute(inode, "user.note", SampleTree.Bytes(2, random.Next(400)));
                break;
            case 6:
                editor.SetOwner(inode, 7, 8);
                break;
            case 7:
                editor.MakeDirectory(inode, new ExtName("new directory"), 0x1ED, 0, 0);
                break;
            default:
                editor.CreateFile(parent, new ExtName($"new file {random.Next(9)}"), 0x1ED, 0, 0);
                break;
        }
    }

    // Every name, every link, and of each file so much that a length that lies makes no difference.
    private void ReadAll(ExtFileSystem fileSystem)
    {
        var pending = new Queue<uint>([ExtInode.Root]);
        var seen = new HashSet<uint> { ExtInode.Root };
        while (pending.TryDequeue(out var directory) && seen.Count < 1000)
        {
            foreach (var entry in fileSystem.ReadDirectory(directory))
            {
                if (!seen.Add(entry.Inode))
                    continue;
                switch (fileSystem.ReadInode(entry.Inode).FileType)
                {
                    case ExtFileType.Directory:
                        pending.Enqueue(entry.Inode);
                        break;
                    case ExtFileType.SymbolicLink:
                        fileSystem.ReadLink(entry.Inode);
                        break;
                    case ExtFileType.RegularFile:
                        using (var stream = fileSystem.OpenFile(entry.Inode))
                        {
                            for (var i = 0; i < 64 && stream.Read(_buffer) > 0; i++)
                            {
                            }
                        }

                        break;
                }
            }
        }
    }

    private void Try(string what, Func<string> work)
    {
        string outcome;
        try
        {
            outcome = work();
        }
        catch (EngineException error)
        {
            outcome = error.ErrorId;
        }
        catch (OperationCanceledException)
        {
            outcome = "too long";
            Failure ??= $"{what}: longer than {longest}";
        }
        catch (Exception error)
        {
            outcome = error.GetType().Name;
            Failure ??= $"{what}: {error}";
        }

        Outcomes.Add($"{what}: {outcome}");
    }
}
