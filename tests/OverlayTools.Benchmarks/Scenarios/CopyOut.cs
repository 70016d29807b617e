using System.Text;
using OverlayTools.Ext;
using OverlayTools.IO;
using OverlayTools.Native;

namespace OverlayTools.Benchmarks.Scenarios;

/// <summary>What <c>debugfs rdump</c> does, with our reader: files, links and directories with mode, owner and
/// times.</summary>
internal sealed class CopyOut
{
    private readonly ExtFileSystem _fileSystem;
    private readonly byte[] _buffer = new byte[1 << 18];

    private CopyOut(ExtFileSystem fileSystem) => _fileSystem = fileSystem;

    /// <summary>Copies a directory of an image.</summary>
    public static void Run(string image, string directory, string target)
    {
        using var file = File.OpenHandle(image);
        var fileSystem = ExtFileSystem.Open(new FileWindow(file));
        new CopyOut(fileSystem).CopyDirectory(fileSystem.Find(directory)!.Value, Path.Join(target, directory));
    }

    private void CopyDirectory(uint number, string path)
    {
        Directory.CreateDirectory(path);
        foreach (var entry in _fileSystem.ReadDirectory(number))
        {
            var to = $"{path}/{entry.Name}";
            var inode = _fileSystem.ReadInode(entry.Inode);
            switch (inode.FileType)
            {
                case ExtFileType.Directory:
                    CopyDirectory(entry.Inode, to);
                    break;
                case ExtFileType.RegularFile:
                    CopyFile(entry.Inode, inode, to);
                    break;
                case ExtFileType.SymbolicLink:
                    File.CreateSymbolicLink(to, Encoding.UTF8.GetString(_fileSystem.ReadLink(entry.Inode)));
                    break;
            }
        }

        using var directory = Open.File(path, Open.ReadOnly | Open.Directory);
        var status = _fileSystem.ReadInode(number);
        Fchown.File(directory, status.UserId, status.GroupId, path);
        File.SetUnixFileMode(path, (UnixFileMode)status.Permissions);
        Directory.SetLastWriteTimeUtc(path, status.Modified.ToDateTimeOffset().UtcDateTime);
    }

    private void CopyFile(uint number, ExtInode inode, string to)
    {
        using var stream = _fileSystem.OpenFile(number);
        using var file = Open.File(to, Open.WriteOnly | Open.Create | Open.Exclusive, 0b110_000_000);
        for (var at = 0L; stream.Read(_buffer) is > 0 and var count; at += count)
            RandomAccess.Write(file, _buffer.AsSpan(0, count), at);
        Fchown.File(file, inode.UserId, inode.GroupId, to);
        File.SetUnixFileMode(file, (UnixFileMode)inode.Permissions);
        File.SetLastWriteTimeUtc(file, inode.Modified.ToDateTimeOffset().UtcDateTime);
    }
}
