using System.Globalization;
using OverlayTools.Native;

namespace OverlayTools.IO;

/// <summary>A loop device in use, as <c>/sys/block/loopN</c> shows it to everybody.</summary>
/// <param name="Path">For example <c>/dev/loop0</c>.</param>
/// <param name="Device">Major and minor number, as <c>7:0</c>.</param>
/// <param name="ReadOnly">Whether it refuses writes.</param>
/// <param name="FileDevice">The device that the file beneath lies on.</param>
/// <param name="FileInode">The file beneath.</param>
/// <param name="Offset">First byte of the file that it shows.</param>
/// <param name="Length">Bytes that it shows; 0 means up to the end.</param>
internal readonly record struct LoopDeviceEntry(
    string Path, string Device, bool ReadOnly, ulong FileDevice, ulong FileInode, long Offset, long Length)
{
    /// <summary>All that stand on a file that has a name here.</summary>
    public static IReadOnlyList<LoopDeviceEntry> All()
    {
        try
        {
            return [.. Directory.EnumerateDirectories("/sys/block", "loop*").Select(Read).OfType<LoopDeviceEntry>()];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return []; // no sysfs here
        }
    }

    /// <summary>Whether it shows a part of the range; a length of 0 means up to the end.</summary>
    public bool Overlaps(long offset, long length) =>
        (length == 0 || Offset < offset + length) && (Length == 0 || Offset + Length > offset);

    private static LoopDeviceEntry? Read(string directory)
    {
        // A file that was deleted, or lies in another namespace, has a text here that leads nowhere.
        if (Text(directory, "loop/backing_file") is not { } backing
            || Open.TryFile(backing, Open.PathOnly, 0, out _) is not { } file)
            return null;
        using (file)
        {
            var status = Statx.Of(file, backing);
            return new LoopDeviceEntry(
                "/dev/" + System.IO.Path.GetFileName(directory), Text(directory, "dev") ?? string.Empty,
                Text(directory, "ro") == "1", status.Device, status.Inode,
                Number(directory, "loop/offset"), Number(directory, "loop/sizelimit"));
        }
    }

    private static long Number(string directory, string name) =>
        long.TryParse(Text(directory, name), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : 0;

    private static string? Text(string directory, string name)
    {
        try
        {
            return File.ReadAllText(System.IO.Path.Combine(directory, name)).TrimEnd('\n');
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null; // free, or detached meanwhile
        }
    }
}
