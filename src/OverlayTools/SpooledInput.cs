using System.Management.Automation;
using System.Text;

namespace OverlayTools;

/// <summary>Collects what the pipeline brings in a temporary file: its length has to be known before it goes
/// anywhere.</summary>
internal sealed class SpooledInput : IDisposable
{
    private const int BufferSize = 1 << 16;

    private readonly FileStream _file;

    public SpooledInput()
    {
        var path = Path.Combine(Path.GetTempPath(), $"overlaytools-{Guid.NewGuid():N}");
        _file = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            Share = FileShare.Read | FileShare.Delete,
            BufferSize = BufferSize,
            Options = FileOptions.DeleteOnClose,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
    }

    /// <summary>Appends bytes as they are, and a string as a line of UTF-8.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.SifInvalidValue"/>: the object is neither.</exception>
    public void Write(object? input)
    {
        switch (input is PSObject wrapped ? wrapped.BaseObject : input)
        {
            case null:
                return;
            case byte value:
                _file.WriteByte(value);
                return;
            case byte[] bytes:
                _file.Write(bytes);
                return;
            case string text:
                _file.Write(Encoding.UTF8.GetBytes(text));
                _file.WriteByte((byte)'\n');
                return;
            case var other:
                throw new EngineException(ErrorIds.SifInvalidValue,
                    $"An object of the type {other.GetType()} is no content: bytes or text are.",
                    "Turn it into text first, for example with ConvertTo-Json.", other);
        }
    }

    /// <summary>The file with all of it; it goes away with this object.</summary>
    public string Complete()
    {
        _file.Flush();
        return _file.Name;
    }

    public void Dispose() => _file.Dispose();
}
