using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Provider;
using OverlayTools.Completion;

namespace OverlayTools.Provider;

/// <summary>What <c>Get-Content</c> takes on a drive of this kind.</summary>
public sealed class ItemContentReaderParameters
{
    /// <summary>One text, or one array of bytes, instead of lines or bytes one after the other.</summary>
    [Parameter]
    public SwitchParameter Raw { get; set; }

    /// <summary>Bytes, not text.</summary>
    [Parameter]
    public SwitchParameter AsByteStream { get; set; }

    /// <summary>The encoding of the text, by its name, for example latin1; UTF-8 by default.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(EncodingCompleter))]
    public string? Encoding { get; set; }
}

/// <summary>Reads a file of an overlay by lines, or by bytes.</summary>
internal sealed class ItemContentReader : IContentReader
{
    private const int BytesAtOnce = 64 << 10;

    private readonly Stream _stream;
    private readonly StreamReader? _text;
    private readonly bool _raw;
    private bool _done;

    public ItemContentReader(Stream stream, ItemContentReaderParameters parameters)
    {
        (_stream, _raw) = (stream, parameters.Raw);
        if (!parameters.AsByteStream)
            _text = new StreamReader(stream, TextEncoding.Find(parameters.Encoding), detectEncodingFromByteOrderMarks: true);
    }

    /// <summary>The next lines or bytes; none at the end.</summary>
    /// <param name="readCount">How many; 0 or less for all.</param>
    public IList Read(long readCount)
    {
        if (_text is not null)
            return _raw ? Once(() => _text.ReadToEnd()) : Lines(readCount);
        return _raw ? Once(() => Bytes(long.MaxValue)) : Bytes(readCount <= 0 ? long.MaxValue : readCount);
    }

    public void Seek(long offset, SeekOrigin origin)
    {
        _text?.DiscardBufferedData();
        _stream.Seek(offset, origin);
    }

    public void Close() => Dispose();

    public void Dispose()
    {
        _text?.Dispose();
        _stream.Dispose();
    }

    private ArrayList Once(Func<object> read)
    {
        if (_done)
            return [];
        _done = true;
        return [read()];
    }

    private List<object> Lines(long count)
    {
        var lines = new List<object>();
        while ((count <= 0 || lines.Count < count) && _text!.ReadLine() is { } line)
            lines.Add(line);
        return lines;
    }

    private byte[] Bytes(long most)
    {
        using var bytes = new MemoryStream();
        var buffer = new byte[Math.Min(most, BytesAtOnce)];
        while (bytes.Length < most && _stream.Read(buffer, 0, (int)Math.Min(buffer.Length, most - bytes.Length)) is > 0 and var count)
            bytes.Write(buffer, 0, count);
        return bytes.ToArray();
    }
}
