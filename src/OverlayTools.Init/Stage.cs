using System.Text;
using Microsoft.Win32.SafeHandles;
using OverlayTools.Containers;
using OverlayTools.Native;

namespace OverlayTools.Init;

/// <summary>Files and directories made for one container, in memory, on a tmpfs of their own: the session's cannot be
/// bound from.</summary>
internal sealed class Stage
{
    private const long LargestAccountFile = 64 << 20;

    private readonly string _path;
    private readonly long? _size;

    /// <summary>Mounts it in the calling process's mount namespace, with which it goes.</summary>
    public Stage(ContainerPlan plan)
    {
        _path = SessionLayout.Staged(plan, "stage");
        _size = plan.StageSizeBytes;
        Directory.CreateDirectory(_path);
        Mount.Do("tmpfs", _path, "tmpfs", Mount.Flags.NoSetUserId | Mount.Flags.NoDevices, Options("mode=0755"));
        using var root = Open.File(_path, Open.PathOnly | Open.Directory);
        Device = Statx.Of(root).Device;
    }

    /// <summary>The device that all of it lies on.</summary>
    public ulong Device { get; }

    /// <summary>Options of a tmpfs, with the limit that the plan sets.</summary>
    public string Options(string options) => _size is { } size ? $"{options},size={size}" : options;

    /// <summary>Makes the file or directory that a mount shows.</summary>
    /// <returns>Its path.</returns>
    public string Make(MountPlan mount)
    {
        var path = Path.Combine(_path, mount.Source);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        if (!mount.IsDirectory)
        {
            File.WriteAllText(path, mount.Text);
            return path;
        }

        Directory.CreateDirectory(path);
        if (mount.Mode is { } mode)
            File.SetUnixFileMode(path, (UnixFileMode)mode);
        foreach (var (name, target) in mount.Links)
            File.CreateSymbolicLink(Path.Combine(path, name), target);
        return path;
    }

    /// <summary>Makes the image's account file with the user in it.</summary>
    /// <returns>Its path; null when the image has none, or knows the user already.</returns>
    public string? MakeAccount(SafeFileHandle root, MountPlan mount, AccountPlan account)
    {
        // Whatever the image has there: a named pipe would keep whoever opens it waiting.
        using var file = Openat2.TryInRoot(root, mount.Destination, Open.ReadOnly | Open.NonBlock, out _);
        if (file is null || Statx.Of(file) is not { FileType: Statx.RegularFile, Size: <= LargestAccountFile })
            return null;
        string text;
        using (var reader = new StreamReader(new FileStream(file, FileAccess.Read, bufferSize: 0), Encoding.Latin1))
            text = reader.ReadToEnd();

        var user = Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(account.FullName));
        var edited = mount.Source == "passwd"
            ? AccountFiles.Passwords(text, account with { FullName = user })
            : AccountFiles.Groups(text, account);
        if (edited == text)
            return null;
        var path = Path.Combine(_path, mount.Source);
        // Bytes that are no UTF-8 stay what they are.
        File.WriteAllText(path, edited, Encoding.Latin1);
        return path;
    }
}
