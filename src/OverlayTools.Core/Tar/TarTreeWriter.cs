using System.Globalization;
using System.Text;
using OverlayTools.Ext;

namespace OverlayTools.Tar;

/// <summary>
/// Writes a tree as a tar archive in the pax format (POSIX.1-2017, pax, ustar Interchange Format), for a program that
/// reads it from its standard input. Names, links and attributes are bytes as they are; the root directory itself is not
/// in it, and neither are sockets, for which the format has no type.
/// </summary>
internal sealed class TarTreeWriter(Stream target, CancellationToken token)
{
    private const int BlockSize = 512;
    private const int NameSize = 100;
    private const long MostOctal7 = 0x1FFFFF;
    private const long MostOctal11 = 0x1_FFFF_FFFF;
    private const int CopyBufferSize = 1 << 17;

    private readonly Dictionary<ExtNode, byte[]> _written = new(ReferenceEqualityComparer.Instance);
    private readonly byte[] _buffer = new byte[CopyBufferSize];

    /// <summary>Writes all that is below a directory, and the end of the archive.</summary>
    public void Write(ExtNode root)
    {
        var pending = new Stack<(byte[] Path, ExtNode Node)>();
        Push(pending, [], root);
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
        var size = node.Type == ExtFileType.RegularFile ? node.Content.Length : 0;
        WriteHeader(path, node, type, link, size);
        if (size > 0)
            WriteContent(node.Content);
    }

    private void WriteHeader(byte[] path, ExtNode node, byte type, byte[] link, long size)
    {
        var records = new MemoryStream();
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
        var modified = node.Modified?.Seconds ?? DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        if (modified is < 0 or > MostOctal11)
            AddRecord(records, "mtime", modified);
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
        Octal(block.AsSpan(136, 12), Math.Clamp(modified, 0, MostOctal11));
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
        for (var left = content.Length; left > 0;)
        {
            token.ThrowIfCancellationRequested();
            var count = source.Read(_buffer, 0, (int)Math.Min(_buffer.Length, left));
            if (count == 0)
                throw new EndOfStreamException("A file became shorter while it was packed.");
            target.Write(_buffer, 0, count);
            left -= count;
        }

        Pad(content.Length);
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
