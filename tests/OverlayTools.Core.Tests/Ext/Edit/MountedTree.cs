using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace OverlayTools.Core.Tests.Ext.Edit;

/// <summary>What the kernel, or a model, says of a tree: one line a name, with everything that a file has.</summary>
internal static class MountedTree
{
    /// <summary>One line of a description.</summary>
    public static string Line(
        string path, uint mode, uint user, uint group, uint links, long size, string modified, string changed,
        string device, string target, string digest, string attributes, string same) =>
        string.Create(CultureInfo.InvariantCulture,
            $"{path} mode={mode:x} owner={user}:{group} links={links} size={size} m={modified} c={changed} dev={device} -> {target} sha={digest} x=[{attributes}] same={same}");

    public static string Digest(byte[] content) => Convert.ToHexString(SHA256.HashData(content))[..16];

    /// <summary>Describes what is mounted; sizes of directories are left out, and <c>lost+found</c>.</summary>
    public static string Describe(string point)
    {
        var first = new Dictionary<string, string>();
        var lines = new List<string>();
        var attributes = Attributes(point);
        var found = Run("cd \"$0\" && find . -path ./lost+found -prune -o -print0 | sort -z "
            + "| xargs -0 stat --printf='%n|%f|%u|%g|%h|%s|%.9Y|%.9Z|%Hr:%Lr|%i\\n'", point);
        foreach (var row in found.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var field = row.Split('|');
            var path = field[0];
            var mode = uint.Parse(field[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            var kind = mode >> 12;
            first.TryAdd(field[9], path);
            var full = point + "/" + path;
            lines.Add(Line(path, mode, Number(field[2]), Number(field[3]), Number(field[4]),
                kind == 4 ? 0 : long.Parse(field[5], CultureInfo.InvariantCulture), field[6], field[7],
                kind is 2 or 6 ? field[8] : "", kind == 10 ? new FileInfo(full).LinkTarget! : "",
                kind == 8 ? Digest(File.ReadAllBytes(full)) : "", attributes.GetValueOrDefault(path, ""), first[field[9]]));
        }

        return string.Join('\n', lines);
    }

    private static uint Number(string text) => uint.Parse(text, CultureInfo.InvariantCulture);

    private static Dictionary<string, string> Attributes(string point)
    {
        var all = new Dictionary<string, string>();
        foreach (var block in Run("cd \"$0\" && getfattr -hRP -d -m - -e hex . 2>/dev/null", point).Split("\n\n", StringSplitOptions.RemoveEmptyEntries))
        {
            var lines = block.Split('\n', StringSplitOptions.RemoveEmptyEntries);
            var name = lines[0]["# file: ".Length..];
            all[name == "." ? "." : "./" + Unescape(name)] = string.Join(',', lines.Skip(1).Order(StringComparer.Ordinal));
        }

        return all;
    }

    // getfattr writes what is not ASCII in octal.
    private static string Unescape(string name)
    {
        var bytes = new List<byte>();
        for (var i = 0; i < name.Length; i++)
        {
            if (name[i] == '\\' && i + 3 < name.Length)
            {
                bytes.Add(Convert.ToByte(name.Substring(i + 1, 3), 8));
                i += 3;
            }
            else
            {
                bytes.AddRange(Encoding.UTF8.GetBytes(name[i..(i + 1)]));
            }
        }

        return Encoding.UTF8.GetString([.. bytes]);
    }

    private static string Run(string script, string argument)
    {
        var start = new ProcessStartInfo("sh", ["-c", script, argument])
        {
            RedirectStandardOutput = true,
            StandardOutputEncoding = Encoding.UTF8,
        };
        start.Environment["LC_ALL"] = "C";
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return output;
    }
}
