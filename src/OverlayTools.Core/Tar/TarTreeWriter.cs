using System.Globalization;
using System.Text;
using OverlayTools.Ext;

namespace OverlayTools.Tar;

/// <summary>
/// Writes a tree as a tar archive in the pax format (POSIX.1-2017, pax, ustar Interchange Format), for a program that
/// reads it from its standard input. Names, links and attributes are bytes as they are. Sockets are not in it, for which
/// the format has no type; the root directory is when it gets a name.
/// </summary>
/// <param name="target">Where the archive goes.</param>
/// <param name="token">Stops the work.</param>
/// <param name="rootName">The name that the root directory has in the archive, and everything else begins with:
/// <c>.</c>, or any other. Null leaves the root out.</param>
/// <param name="report">Told of the bytes of content that were read.</param>
/// <remarks>Times are whole seconds from 1970 to 2106: what squashfs has, and its packers take no others (sqfstar 4.5
/// gives up on a negative one, and takes a later one modulo 2^32).</remarks>
internal sealed class TarTreeWriter(
    Stream target, CancellationToken token, string? rootName = null, Action<long>? report = null)
{
    /// <summary>The latest time that is written, in seconds.</summary>
    public const long LatestTime = uint.MaxValue;

    private const int BlockSize = 512;

    // Less is read as zeros sooner than a map of it is written and read.
    private const long LeastHoles = 1 << 20;
    private const int NameSize = 100;
    private const long MostOctal7 = 0x1FFFFF;
    private const long MostOctal11 = 0x1_FFFF_FFFF;
    private const int CopyBufferSize = 1 << 17;

    private readonly Dictionary<ExtNode, byte[]> _written = new(ReferenceEqualityComparer.Instance);
    private readonly byte[] _buffer = new byte[CopyBufferSize];

    /// <summary>Writes a directory and all that is below it, and the end of the archive.</summary>
    public void Write(ExtNode root)
    {
        var pending = new Stack<(byte[] Path, ExtNode Node)>();
        byte[] start = rootName is null ? [] : [.. Encoding.UTF8.GetBytes(rootName), (byte)'/'];
        if (rootName is not null)
            WriteMember(start, root);
        Push(pending, start, root);
        while (pending.TryPop(out var next))
        {
            token.ThrowIfCancellationRequested();
            WriteMember(next.Path, next.Node);
            if (next.Node.Type == ExtFileType.Directory)
                Push(pending, [.. next.Path, (byte)'/'], next.Node);
        }

        target.Write(new byte[2 * BlockSize]);
    }

    private static void Push(Stack<(byte[] Path, ExtNode Node)> pending, byte[] directory, ExtNode node)
    {
        foreach (var (name, child) in node.Children.Reverse())
            pending.Push(([.. directory, .. name.Bytes], child));
    }

    private void WriteMember(byte[] path, ExtNode node)
    {
        if (node.Type == ExtFileType.Socket)
            return;
        if (node.Type != ExtFileType.Directory && _written.TryGetValue(node, out var first))
        {
            WriteHeader(path, node, TarHeader.Link, first, 0);
            return;
        }

        _written[node] = path;
        var (type, link) = node.Type switch
        {
            ExtFileType.Directory => (TarHeader.Directory, []),
            ExtFileType.SymbolicLink => (TarHeader.SymbolicLink, node.Target.ToArray()),
            ExtFileType.CharacterDevice => (TarHeader.CharacterDevice, []),
            ExtFileType.BlockDevice => (TarHeader.BlockDevice, []),
            ExtFileType.Fifo => (TarHeader.Fifo, []),
            _ => ((byte)'0', Array.Empty<byte>()),
        };
        if (node.Type == ExtFileType.RegularFile && HasHoles(node.Content))
        {
            WriteSparse(path, node);
            return;
        }

        var size = node.Type == ExtFileType.RegularFile ? node.Content.Length : 0;
        WriteHeader(path, node, type, link, size);
        if (size > 0)
            WriteContent(node.Content);
    }

    private static bool HasHoles(ExtContent content) =>
        content.Length - content.DataRuns.Sum(run => run.End - run.Start) >= LeastHoles;

    // GNU's format 1.0 (GNU tar manual, Storing Sparse Files): the map, in decimal lines up to a whole block, and then
    // the data without the holes. The last, empty range says where the file ends.
    private void WriteSparse(byte[] path, ExtNode node)
    {
        var content = node.Content;
        var ranges = WholeBlocks(content);
        var map = new StringBuilder();
        map.Append(CultureInfo.InvariantCulture, $"{ranges.Count + 1}\n");
        foreach (var (start, end) in ranges)
            map.Append(CultureInfo.InvariantCulture, $"{start}\n{end - start}\n");
        map.Append(CultureInfo.InvariantCulture, $"{content.Length}\n0\n");
        var mapBytes = Encoding.ASCII.GetBytes(map.ToString());
        var dataBytes = ranges.Sum(run => run.End - run.Start);
        var mapBlocks = mapBytes.Length + (-mapBytes.Length & (BlockSize - 1));
        WriteHeader(path, node, (byte)'0', [], mapBlocks + dataBytes, content.Length);
        target.Write(mapBytes);
        Pad(mapBytes.Length);
        using var source = content.Open();
        foreach (var (start, end) in ranges)
        {
            source.Position = start;
            Copy(source, end - start);
        }

        Pad(dataBytes);
        report?.Invoke(content.Length);
    }

    // sqfstar reads every range but the first as if it were filled up to a block (squashfs-tools 4.5 to 4.6, tar.c,
    // sparse_reader), and so does GNU tar write them. So the first is a block at the start of the file, whatever is
    // there, and only the file's own end is in the middle of one.
    private static List<(long Start, long End)> WholeBlocks(ExtContent content)
    {
        var ranges = new List<(long Start, long End)> { (0, BlockSize) };
        foreach (var (start, end) in content.DataRuns)
        {
            var (from, to) = (start & -BlockSize, Math.Min(content.Length, (end + BlockSize - 1) & -BlockSize));
            if (from <= ranges[^1].End)
                ranges[^1] = (ranges[^1].Start, Math.Max(ranges[^1].End, to));
            else
                ranges.Add((from, to));
        }

        return ranges;
    }

    private void WriteHeader(byte[] path, ExtNode node, byte type, byte[] link, long size, long? realSize = null)
    {
        var records = new MemoryStream();
        if (realSize is { } length)
        {
            AddRecord(records, "GNU.sparse.major", 1);
            AddRecord(records, "GNU.sparse.minor", 0);
            AddRecord(records, "GNU.sparse.name", path);
            AddRecord(records, "GNU.sparse.realsize", length);
        }

        if (path.Length > NameSize)
            AddRecord(records, "path", path);
        if (link.Length > NameSize)
            AddRecord(records, "linkpath", link);
        if (size > MostOctal11)
            AddRecord(records, "size", size);
        if (node.UserId > MostOctal7)
            AddRecord(records, "uid", node.UserId);
        if (node.GroupId > MostOctal7)
            AddRecord(records, "gid", node.GroupId);
        var modified = Math.Clamp(node.Modified?.Seconds ?? DateTimeOffset.UtcNow.ToUnixTimeSeconds(), 0, LatestTime);
        // A hard link is the file that it leads to, attributes and all.
        if (type != TarHeader.Link)
        {
            foreach (var (name, value) in node.Attributes.OrderBy(attribute => attribute.Key, StringComparer.Ordinal))
                AddRecord(records, "SCHILY.xattr." + name, value);
        }

        if (records.Length > 0)
        {
            WriteBlock("pax"u8, TarHeader.Pax, [], 0, 0, 0, records.Length, modified, 0, 0);
            records.WriteTo(target);
            Pad(records.Length);
        }

        WriteBlock(path, type, link, node.Permissions, node.UserId, node.GroupId, size, modified,
            node.DeviceMajor, node.DeviceMinor);
    }

    private void WriteBlock(
        ReadOnlySpan<byte> path, byte type, ReadOnlySpan<byte> link, uint mode, uint userId, uint groupId, long size,
        long modified, uint major, uint minor)
    {
        var block = new byte[BlockSize];
        path[..Math.Min(path.Length, NameSize)].CopyTo(block);
        Octal(block.AsSpan(100, 8), mode);
        Octal(block.AsSpan(108, 8), Math.Min(userId, MostOctal7));
        Octal(block.AsSpan(116, 8), Math.Min(groupId, MostOctal7));
        Octal(block.AsSpan(124, 12), Math.Min(size, MostOctal11));
        Octal(block.AsSpan(136, 12), modified);
        block[156] = type;
        link[..Math.Min(link.Length, NameSize)].CopyTo(block.AsSpan(157));
        "ustar\000"u8.CopyTo(block.AsSpan(257));
        Octal(block.AsSpan(329, 8), major);
        Octal(block.AsSpan(337, 8), minor);
        // The sum counts its own field as blanks.
        block.AsSpan(148, 8).Fill((byte)' ');
        var sum = 0L;
        foreach (var value in block)
            sum += value;
        Octal(block.AsSpan(148, 7), sum);
        target.Write(block);
    }

    private void WriteContent(ExtContent content)
    {
        using var source = content.Open();
        Copy(source, content.Length);
        Pad(content.Length);
        report?.Invoke(content.Length);
    }

    private void Copy(Stream source, long length)
    {
        for (var left = length; left > 0;)
        {
            token.ThrowIfCancellationRequested();
            var count = source.Read(_buffer, 0, (int)Math.Min(_buffer.Length, left));
            if (count == 0)
                throw new EndOfStreamException("A file became shorter while it was packed.");
            target.Write(_buffer, 0, count);
            left -= count;
        }
    }

    private void Pad(long length)
    {
        var rest = (int)(length % BlockSize);
        if (rest > 0)
            target.Write(new byte[BlockSize - rest]);
    }

    private static void AddRecord(MemoryStream records, string key, long value) =>
        AddRecord(records, key, Encoding.ASCII.GetBytes(value.ToString(CultureInfo.InvariantCulture)));

    // A record starts with its own length in decimal, that number included.
    private static void AddRecord(MemoryStream records, string key, ReadOnlySpan<byte> value)
    {
        var keyBytes = Encoding.UTF8.GetBytes(key);
        var rest = keyBytes.Length + value.Length + 3;
        var length = rest + Digits(rest);
        if (Digits(length) != Digits(rest))
            length++;
        records.Write(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{length} ")));
        records.Write(keyBytes);
        records.WriteByte((byte)'=');
        records.Write(value);
        records.WriteByte((byte)'\n');

        static int Digits(int number) => number.ToString(CultureInfo.InvariantCulture).Length;
    }

    private static void Octal(Span<byte> field, long value)
    {
        for (var i = field.Length - 2; i >= 0; i--)
        {
            field[i] = (byte)('0' + (value & 7));
            value >>= 3;
        }

        field[^1] = 0;
    }
}
