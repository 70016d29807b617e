using OverlayTools.IO;

namespace OverlayTools.Sif;

/// <summary>
/// What lies behind the last object, where a removal left it, and what a new object is about to overwrite: nobody's
/// bytes, but a change that fails leaves the file as it was, these included. A little is kept in memory, more of it
/// behind the end of the file.
/// </summary>
internal sealed class SifRemains
{
    private const long MostInMemory = 16 << 20;

    private readonly Window _file;
    private readonly long _start;
    private readonly long _end;
    private readonly long _savedAt;
    private readonly List<(long Position, byte[]? Bytes, long SavedAt, int Length)> _saved = [];

    private SifRemains(Window file, long start, long end)
    {
        _file = file;
        _start = start;
        _end = Math.Min(end, file.Length);
        _savedAt = Math.Max(end, file.Length);
    }

    /// <summary>Keeps a range, as far as the file has it. If that fails, the file is as it was.</summary>
    /// <param name="file">The image; it can change its length.</param>
    /// <param name="start">The first byte that will be overwritten.</param>
    /// <param name="end">The end of what will be written.</param>
    /// <param name="token">Stops the work.</param>
    public static SifRemains Take(Window file, long start, long end, CancellationToken token)
    {
        var length = file.Length;
        var remains = new SifRemains(file, start, end);
        try
        {
            remains.Save(token);
            return remains;
        }
        catch
        {
            if (file.Length != length)
                file.SetLength(length);
            throw;
        }
    }

    /// <summary>Puts the bytes back, before the file gets its length back.</summary>
    public void GiveBack()
    {
        // All of it, also what was written behind: on a full disk the old bytes need the room of the new ones.
        var written = Math.Min(_savedAt, _file.Length) - _start;
        if (written > 0)
            _file.Clear(_start, written);
        foreach (var (position, bytes, savedAt, length) in _saved)
            _file.Write(position, bytes ?? Read(savedAt, length));
    }

    private void Save(CancellationToken token)
    {
        long inMemory = 0;
        var behind = _savedAt;
        for (var at = _start; at < _end && (at = _file.NextData(at)) < _end;)
        {
            token.ThrowIfCancellationRequested();
            var bytes = Read(at, (int)Math.Min(SparseCopy.ChunkSize, _end - at));
            if (!bytes.AsSpan().ContainsAnyExcept((byte)0))
            {
                at += bytes.Length;
                continue;
            }

            if (inMemory + bytes.Length <= MostInMemory)
            {
                inMemory += bytes.Length;
                _saved.Add((at, bytes, 0, bytes.Length));
            }
            else
            {
                _file.SetLength(behind + bytes.Length);
                _file.Write(behind, bytes);
                _saved.Add((at, null, behind, bytes.Length));
                behind += bytes.Length;
            }

            at += bytes.Length;
        }
    }

    private byte[] Read(long position, int length)
    {
        var bytes = new byte[length];
        _file.Read(position, bytes);
        return bytes;
    }
}
