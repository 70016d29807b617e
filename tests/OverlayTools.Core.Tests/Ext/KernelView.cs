using System.Security.Cryptography;
using System.Text;
using OverlayTools.Ext;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Ext;

/// <summary>All that the kernel shows of a tree, as text that two trees can be compared by.</summary>
internal static class KernelView
{
    /// <summary>One line a file: kind, mode, owners, size, links, times and target; then attributes and digests.</summary>
    /// <param name="path">The tree, mounted without changing access times.</param>
    /// <param name="allTimes">Whether access and change count, or the time of modification only.</param>
    public static string Of(string path, bool allTimes = true)
    {
        Machine.NeedTool("getfattr");
        Machine.NeedTool("getfacl");
        var times = allTimes ? "%T@ %A@ %C@" : "%T@";
        var text = new StringBuilder();
        var skip = new[] { "-path", path + "/lost+found", "-prune", "-o" };
        // A directory's size depends on its history, and on the block size.
        foreach (var line in Ext3Image.Run("find", [path, .. skip,
            "-type", "d", "-printf", $"%P\\t%y %m %U %G %n {times}\\n", "-o", "-printf", $"%P\\t%y %m %U %G %s %n {times} %l\\n"])
            .Split('\n').Order(StringComparer.Ordinal))
            text.AppendLine(line);
        var inside = $"cd '{path}' && find . -path ./lost+found -prune -o ";
        foreach (var command in (string[])[
            // All names of a file are the same to stat; which is the first, the inode numbers would say.
            inside + "-type f -links +1 -printf '%i %P\\n' | sort -k2 | awk '{ if (!($1 in n)) n[$1] = ++c; $1 = n[$1]; print }'",
            inside + "-type f -print0 | sort -z | xargs -0r sha256sum",
            inside + "-print0 | sort -z | xargs -0r getfattr -h -d -m - -e hex 2>/dev/null | cat",
            inside + "! -type l -print0 | sort -z | xargs -0r getfacl -n -s 2>/dev/null | cat",
            inside + "\\( -type b -o -type c \\) -print0 | sort -z | xargs -0r stat -c '%n %t:%T'",
        ])
            text.AppendLine(Ext3Image.Run("sh", "-c", "export LC_ALL=C; " + command));
        return text.ToString();
    }

    /// <summary>What the reader says, in the same form as the first part of <see cref="Of"/> and with all else that it
    /// can tell, for each file by path.</summary>
    public static SortedDictionary<string, string> ByReader(ExtNode root)
    {
        var view = new SortedDictionary<string, string>(StringComparer.Ordinal);
        var pending = new Stack<(string Path, ExtNode Node)>();
        pending.Push(("", root));
        while (pending.TryPop(out var next))
        {
            var (path, node) = next;
            view[path] = Describe(node, !path.Contains('\uFFFD'));
            foreach (var (name, child) in node.Children)
            {
                if (path.Length > 0 || name.ToString() != "lost+found")
                    pending.Push((path.Length == 0 ? name.ToString() : path + "/" + name, child));
            }
        }

        return view;
    }

    /// <summary>The kernel's view of one tree, in the form of <see cref="ByReader"/>.</summary>
    public static SortedDictionary<string, string> ByKernel(string path)
    {
        var attributes = Attributes(path);
        var view = new SortedDictionary<string, string>(StringComparer.Ordinal);
        var lines = Ext3Image.Run("find", path, "-path", path + "/lost+found", "-prune", "-o", "-printf",
            "%P\\t%y\\t%m\\t%U\\t%G\\t%s\\t%T@\\t%A@\\t%C@\\t%l\\n").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        foreach (var line in lines)
        {
            var part = line.Split('\t');
            var full = path + "/" + part[0];
            var rest = part[1] switch
            {
                "f" => $"{part[5]} {FileDigest(full)}",
                "l" => part[9],
                "c" or "b" => Ext3Image.Run("stat", "-c", "%t:%T", full).Trim(),
                _ => "",
            };
            view[part[0]] = $"{part[1]} {part[2]} {part[3]} {part[4]} {Time(part[6])} {Time(part[7])} {Time(part[8])} " +
                $"{attributes.GetValueOrDefault(part[0], "")} {rest}";
        }

        return view;

        static string Time(string found) => found.TrimEnd('0').TrimEnd('.');
    }

    private static string Describe(ExtNode node, bool isText)
    {
        var (letter, rest) = node.Type switch
        {
            ExtFileType.RegularFile => ("f", $"{node.Content.Length} {(isText ? Digest(node.Content) : "")}"),
            ExtFileType.Directory => ("d", ""),
            ExtFileType.SymbolicLink => ("l", Encoding.UTF8.GetString(node.Target.Span)),
            ExtFileType.CharacterDevice => ("c", $"{node.DeviceMajor:x}:{node.DeviceMinor:x}"),
            ExtFileType.BlockDevice => ("b", $"{node.DeviceMajor:x}:{node.DeviceMinor:x}"),
            ExtFileType.Fifo => ("p", ""),
            _ => ("s", ""),
        };
        var attributes = string.Join(',', node.Attributes.OrderBy(pair => pair.Key, StringComparer.Ordinal)
            .Select(pair => $"{pair.Key}=0x{Convert.ToHexString(pair.Value).ToLowerInvariant()}"));
        return $"{letter} {Convert.ToString(node.Permissions, 8)} {node.UserId} {node.GroupId} " +
            $"{Time(node.Modified)} {Time(node.Accessed)} {Time(node.Changed)} {attributes} {rest}";

        static string Time(ExtTime? time) => $"{time!.Value.Seconds}.{time.Value.Nanoseconds:D9}".TrimEnd('0').TrimEnd('.');
    }

    /// <summary>A digest of content; it is read as it is copied, so that holes are seen too.</summary>
    public static string Digest(ExtContent content)
    {
        using var stream = content.Open();
        return Convert.ToHexString(SHA256.HashData(stream));
    }

    // A name that is not text cannot be opened from here.
    private static string FileDigest(string path)
    {
        if (path.Contains('\uFFFD'))
            return "";
        using var file = File.OpenRead(path);
        return Convert.ToHexString(SHA256.HashData(file));
    }

    private static Dictionary<string, string> Attributes(string path)
    {
        var found = new Dictionary<string, string>(StringComparer.Ordinal);
        var dump = Ext3Image.Run("sh", "-c",
            $"cd '{path}' && find . -path ./lost+found -prune -o -print0 | xargs -0r getfattr -h -d -m - -e hex 2>/dev/null | cat");
        foreach (var block in dump.Split("\n\n", StringSplitOptions.RemoveEmptyEntries))
        {
            var lines = block.Split('\n', StringSplitOptions.RemoveEmptyEntries);
            var name = lines[0]["# file: ".Length..];
            found[name == "." ? "" : Unescape(name.StartsWith("./", StringComparison.Ordinal) ? name[2..] : name)] =
                string.Join(',', lines.Skip(1).Select(line => line.Contains('=') ? line : line + "=0x").Order(StringComparer.Ordinal));
        }

        return found;
    }

    // getfattr writes what is not printable as a backslash and three octal digits.
    private static string Unescape(string name)
    {
        var bytes = new List<byte>();
        for (var i = 0; i < name.Length; i++)
        {
            if (name[i] == '\\' && i + 3 < name.Length && char.IsAsciiDigit(name[i + 1]))
            {
                bytes.Add(Convert.ToByte(name.Substring(i + 1, 3), 8));
                i += 3;
            }
            else
                bytes.AddRange(Encoding.UTF8.GetBytes(name, i, 1));
        }

        return Encoding.UTF8.GetString([.. bytes]);
    }
}
