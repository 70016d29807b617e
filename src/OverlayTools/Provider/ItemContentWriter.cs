using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Provider;
using System.Text;
using OverlayTools.Completion;

namespace OverlayTools.Provider;

/// <summary>What <c>Set-Content</c> and <c>Add-Content</c> take on a drive of this kind.</summary>
public sealed class ItemContentWriterParameters
{
    /// <summary>The values are bytes.</summary>
    [Parameter]
    public SwitchParameter AsByteStream { get; set; }

    /// <summary>No line ends after the values.</summary>
    [Parameter]
    public SwitchParameter NoNewline { get; set; }

    /// <summary>The encoding of the text, by its name, for example latin1; UTF-8 by default.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(EncodingCompleter))]
    public string? Encoding { get; set; }
}

/// <summary>
/// Collects what a file shall hold, in a temporary file without a name, and writes it into the overlay when it is closed:
/// in one transaction, so that the file is never there in part.
/// </summary>
/// <param name="parameters">As they were given.</param>
/// <param name="write">Writes the content; the second argument says whether behind what is there.</param>
internal sealed class ItemContentWriter(ItemContentWriterParameters parameters, Action<Stream, bool> write) : IContentWriter
{
    private readonly Encoding _encoding = TextEncoding.Find(parameters.Encoding);
    private readonly FileStream _collected = new(
        Path.Combine(Path.GetTempPath(), $"overlaytools-{Guid.NewGuid():N}"), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None,
        64 << 10, FileOptions.DeleteOnClose);

    private bool _append;
    private bool _closed;

    public IList Write(IList content)
    {
        ArgumentNullException.ThrowIfNull(content);
        foreach (var value in content)
        {
            var plain = value is PSObject wrapped ? wrapped.BaseObject : value;
            if (parameters.AsByteStream)
                _collected.Write(plain as byte[] ?? [LanguagePrimitives.ConvertTo<byte>(plain)]);
            else
                _collected.Write(_encoding.GetBytes(
                    LanguagePrimitives.ConvertTo<string>(value) + (parameters.NoNewline ? string.Empty : "\n")));
        }

        return content;
    }

    /// <summary>Only the end of what is there can be sought.</summary>
    public void Seek(long offset, SeekOrigin origin) => _append = origin == SeekOrigin.End && offset == 0
        ? true
        : throw new NotSupportedException("A file in an overlay is written as a whole, or at its end.");

    public void Close()
    {
        if (_closed)
            return;
        _closed = true;
        _collected.Position = 0;
        write(_collected, _append);
    }

    public void Dispose() => _collected.Dispose();
}
