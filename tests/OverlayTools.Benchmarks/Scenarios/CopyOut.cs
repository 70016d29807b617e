using System.Text;
using Microsoft.Win32.SafeHandles;
using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.Native;

namespace OverlayTools.Benchmarks.Scenarios;

/// <summary>
/// What <c>debugfs rdump</c> does, with our reader: files, links and directories with mode, owner and time. It makes the
/// directories, and then the files of one directory on each processor.
/// </summary>
internal sealed class CopyOut
{
    private static readonly uint s_userId = User.EffectiveId();
    private static readonly uint s_groupId = User.EffectiveGroupId();
    private static readonly uint s_umask = Umask();

    private readonly ExtFileSystem _fileSystem;
    private readonly byte[] _buffer = new byte[1 << 16];

    private CopyOut(SafeFileHandle image) => _fileSystem = ExtFileSystem.Open(new FileWindow(image));

    /// <summary>Copies a directory of an image.</summary>
    public static void Run(string image, string directory, string target)
    {
        using var file = File.OpenHandle(image);
        var first = new CopyOut(file);
        var directories = new List<(uint Number, string Path)>();
        first.MakeDirectories(first._fileSystem.Find(directory)!.Value, Path.Join(target, directory), directories);
        // A reader is for one thread.
        Parallel.ForEach(directories, () => new CopyOut(file), (next, _, copy) => copy.CopyFiles(next.Number, next.Path), _ => { });
        for (var i = directories.Count - 1; i >= 0; i--)
            first.FinishDirectory(directories[i].Number, directories[i].Path);
    }

    private void MakeDirectories(uint number, string path, List<(uint Number, string Path)> made)
    {
        Directory.CreateDirectory(path);
        made.Add((number, path));
        foreach (var entry in _fileSystem.ReadDirectory(number))
        {
            if (entry.Type == ExtFileType.Directory)
                MakeDirectories(entry.Inode, $"{path}/{entry.Name}", made);
        }
    }

    private CopyOut CopyFiles(uint directory, string path)
    {
        foreach (var entry in _fileSystem.ReadDirectory(directory))
        {
            if (entry.Type == ExtFileType.RegularFile)
                CopyFile(entry.Inode, $"{path}/{entry.Name}");
            else if (entry.Type == ExtFileType.SymbolicLink)
                File.CreateSymbolicLink($"{path}/{entry.Name}", Encoding.UTF8.GetString(_fileSystem.ReadLink(entry.Inode)));
        }

        return this;
    }

    private void CopyFile(uint number, string to)
    {
        var inode = _fileSystem.ReadInode(number);
        using var stream = _fileSystem.OpenFile(number, inode);
        using var file = Open.File(to, Open.WriteOnly | Open.Create | Open.Exclusive, inode.Permissions);
        for (var at = 0L; stream.Read(_buffer) is > 0 and var count; at += count)
            RandomAccess.Write(file, _buffer.AsSpan(0, count), at);
        if (inode.UserId != s_userId || inode.GroupId != s_groupId)
            Fchown.File(file, inode.UserId, inode.GroupId, to);
        if ((inode.Permissions & (s_umask | 0xE00)) != 0)
            File.SetUnixFileMode(file, (UnixFileMode)inode.Permissions);
        File.SetLastWriteTimeUtc(file, inode.Modified.ToDateTimeOffset().UtcDateTime);
    }

    private void FinishDirectory(uint number, string path)
    {
        var inode = _fileSystem.ReadInode(number);
        using var directory = Open.File(path, Open.ReadOnly | Open.Directory);
        Fchown.File(directory, inode.UserId, inode.GroupId, path);
        File.SetUnixFileMode(path, (UnixFileMode)inode.Permissions);
        Directory.SetLastWriteTimeUtc(path, inode.Modified.ToDateTimeOffset().UtcDateTime);
    }

    private static uint Umask()
    {
        var line = File.ReadLines("/proc/self/status").First(found => found.StartsWith("Umask:", StringComparison.Ordinal));
        return Convert.ToUInt32(line[6..].Trim(), 8);
    }
}
