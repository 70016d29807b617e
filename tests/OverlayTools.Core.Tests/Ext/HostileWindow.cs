using System.Globalization;
using OverlayTools.IO;

namespace OverlayTools.Core.Tests.Ext;

/// <summary>An image in memory that is tampered with, worked on, and restored for the next time.</summary>
internal sealed class HostileWindow : Window
{
    private const int Spare = 1 << 20;

    private readonly byte[] _pristine;
    private readonly byte[] _bytes;
    private readonly List<(int Position, int Count)> _dirty = [];
    private readonly List<(int Position, byte[] Bytes)> _patches = [];
    private int _length;

    /// <param name="pristine">The image as it is restored.</param>
    public HostileWindow(byte[] pristine)
    {
        _pristine = pristine;
        // Room for growing.
        _bytes = new byte[pristine.Length + Spare];
        pristine.CopyTo(_bytes, 0);
        _length = pristine.Length;
    }

    /// <summary>Whether whoever works on it may write.</summary>
    public bool IsWritable { get; set; }

    public long Reads { get; private set; }

    public override long Length => _length;

    /// <summary>What was tampered with, as <c>position:bytes</c> in hexadecimal.</summary>
    public string Tampering => string.Join(' ', _patches.Select(patch =>
        string.Create(CultureInfo.InvariantCulture, $"{patch.Position:x}:{Convert.ToHexString(patch.Bytes)}")));

    public void Tamper(int position, byte[] bytes)
    {
        _patches.Add((position, bytes));
        _dirty.Add((position, bytes.Length));
        bytes.CopyTo(_bytes, position);
    }

    /// <summary>Tampers as <see cref="Tampering"/> says.</summary>
    public void Tamper(string tampering)
    {
        foreach (var patch in tampering.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            var parts = patch.Split(':');
            Tamper(int.Parse(parts[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture), Convert.FromHexString(parts[1]));
        }
    }

    public void Restore()
    {
        foreach (var (position, count) in _dirty)
        {
            var kept = Math.Clamp(_pristine.Length - position, 0, count);
            _pristine.AsSpan(Math.Min(position, _pristine.Length), kept).CopyTo(_bytes.AsSpan(position));
            _bytes.AsSpan(position + kept, count - kept).Clear();
        }

        _dirty.Clear();
        _patches.Clear();
        _length = _pristine.Length;
        (Reads, IsWritable) = (0, false);
    }

    public override void Flush()
    {
    }

    public override void Clear(long position, long count)
    {
        Assert.True(position >= 0 && count >= 0 && position + count <= _length, "A range outside the window was cleared.");
        Change(position, count);
        _bytes.AsSpan((int)position, (int)count).Clear();
    }

    public override void SetLength(long length)
    {
        Assert.True(IsWritable, "Something that only reads changed the length.");
        if (length > _bytes.Length)
            throw new EngineException(ErrorIds.DiskFull, "There is no room.", null);
        if (length < _length)
            Clear(length, _length - length);
        _length = (int)length;
    }

    protected override void ReadCore(long position, Span<byte> buffer)
    {
        Reads++;
        _bytes.AsSpan((int)position, buffer.Length).CopyTo(buffer);
    }

    protected override void WriteCore(long position, ReadOnlySpan<byte> bytes)
    {
        Change(position, bytes.Length);
        bytes.CopyTo(_bytes.AsSpan((int)position));
    }

    private void Change(long position, long count)
    {
        Assert.True(IsWritable, "Something that only reads wrote.");
        _dirty.Add(((int)position, (int)count));
    }
}
