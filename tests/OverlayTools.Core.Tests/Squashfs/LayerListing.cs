using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using OverlayTools.Ext;
using OverlayTools.Overlays;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Squashfs;

/// <summary>What is in a tree, in lines: by the engine, and by programs that have nothing to do with it.</summary>
internal static class LayerListing
{
    /// <summary>A script for bash that lists the directory that it is given.</summary>
    public const string Walk = """
        set -e -o pipefail
        cd "$1"
        find . -mindepth 1 \( -type d -printf 'file %P|%y %m %U %G %Ts\n' \) -o \( -type f -printf 'file %P|%y %m %U %G %Ts %s\n' \) \
            -o -printf 'file %P|%y %m %U %G %Ts %l\n'
        find . -type f -print0 | xargs -0 -r sha256sum | sed -E 's,^(\S+) .(.*),content \2|\1,'
        find . \( -type b -o -type c \) -print0 | xargs -0 -r stat -c 'device %n|%Hr,%Lr'
        getfattr -R -P -h -d -m '^(user|trusted|security)\.' -e hex --absolute-names . \
            | awk '/^# file: / { path = substr($0, 9); next } NF { print "attribute " path "|" $0 }'
        """;

    /// <summary>By <c>find</c>, <c>sha256sum</c>, <c>stat</c> and <c>getfattr</c>.</summary>
    public static List<string> OfDirectory(string path)
    {
        var (exitCode, output, error) = Machine.Run("bash", "-c", Walk, "walk", path);
        Assert.True(exitCode == 0, error);
        return Lines(output);
    }

    /// <summary>What the script prints, in order.</summary>
    public static List<string> Lines(string output) =>
    [
        .. output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.TrimEnd().Replace(" ./", " ", StringComparison.Ordinal)).Order(StringComparer.Ordinal),
    ];

    /// <summary>By the engine.</summary>
    public static List<string> OfLayer(OverlayContent content)
    {
        var lines = new List<string>();
        var pending = new Stack<OverlayEntry>([content.Root]);
        while (pending.TryPop(out var directory))
        {
            foreach (var entry in content.List(directory))
            {
                lines.AddRange(Lines(content, entry));
                if (entry.Type == ExtFileType.Directory)
                    pending.Push(entry);
            }
        }

        lines.Sort(StringComparer.Ordinal);
        return lines;
    }

    private static IEnumerable<string> Lines(OverlayContent content, OverlayEntry entry)
    {
        var path = Encoding.UTF8.GetString(entry.RawPath);
        var (type, rest) = entry.Type switch
        {
            ExtFileType.Directory => ('d', ""),
            ExtFileType.SymbolicLink => ('l', Encoding.UTF8.GetString(content.Target(entry))),
            ExtFileType.CharacterDevice => ('c', ""),
            ExtFileType.BlockDevice => ('b', ""),
            ExtFileType.Fifo => ('p', ""),
            ExtFileType.Socket => ('s', ""),
            _ => ('f', entry.Size.ToString(CultureInfo.InvariantCulture)),
        };
        yield return string.Create(CultureInfo.InvariantCulture,
            $"file {path}|{type} {Convert.ToString(entry.Permissions, 8)} {entry.UserId} {entry.GroupId} {entry.Modified.Seconds} {rest}").TrimEnd();
        if (entry.Device is { } device)
            yield return string.Create(CultureInfo.InvariantCulture, $"device {path}|{device.Major},{device.Minor}");
        if (type == 'f')
        {
            using var stream = content.OpenFile(entry);
            yield return $"content {path}|{Convert.ToHexString(SHA256.HashData(stream)).ToLowerInvariant()}";
        }

        foreach (var (name, value) in content.Attributes(entry))
            yield return $"attribute {path}|{name}{(value.Length == 0 ? "" : "=0x")}{Convert.ToHexString(value).ToLowerInvariant()}";
    }
}
