using OverlayTools.IO;

namespace OverlayTools.Ext;

/// <summary>Writes inodes in ascending order, many to a write.</summary>
internal sealed class InodeTableWriter(ExtGeometry geometry, Window window)
{
    private const int Chunk = 64 * 1024;

    private readonly byte[] _buffer = new byte[Chunk];
    private long _start;
    private int _used;

    public void Write(uint number, ExtInode inode)
    {
        var group = (number - 1) / geometry.InodesPerGroup;
        var index = (number - 1) % geometry.InodesPerGroup;
        var offset = geometry.OffsetOf(geometry.InodeTable(group)) + (long)index * geometry.InodeSize;
        var gap = offset - (_start + _used);
        // Unused inodes in between read as zeros anyway, so a short gap is cheaper written than left out.
        if (_used > 0 && (gap is < 0 or > 4096 || _used + gap + geometry.InodeSize > Chunk))
            Flush();
        if (_used == 0)
            _start = offset;
        else
            _buffer.AsSpan(_used, (int)gap).Clear();
        _used = (int)(offset - _start);
        inode.Raw.CopyTo(_buffer.AsSpan(_used));
        _used += geometry.InodeSize;
    }

    public void Flush()
    {
        if (_used > 0)
            window.Write(_start, _buffer.AsSpan(0, _used));
        _used = 0;
    }
}
