using System.Text;

namespace OverlayTools.Ext;

/// <summary>A file name: any bytes but NUL and the slash, 1 to 255 of them. Not every name is text.</summary>
public readonly struct ExtName : IEquatable<ExtName>
{
    /// <summary>The most bytes that a name has (<c>EXT2_NAME_LEN</c>).</summary>
    public const int MaxLength = 255;

    /// <summary>The order of the bytes.</summary>
    internal static readonly Comparer<ExtName> ByBytes =
        Comparer<ExtName>.Create(static (left, right) => left.Bytes.SequenceCompareTo(right.Bytes));

    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);
    private readonly byte[]? _bytes;

    /// <summary>A name from its bytes.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.InvalidDirectoryName"/>.</exception>
    public ExtName(ReadOnlySpan<byte> bytes)
    {
        if (WhyInvalid(bytes) is { } why)
            throw new EngineException(ErrorIds.InvalidDirectoryName,
                $"'{Encoding.UTF8.GetString(bytes)}' cannot be a file name: {why}.", "Choose another name.");
        _bytes = bytes.ToArray();
    }

    /// <summary>A name from text, as UTF-8.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.InvalidDirectoryName"/>.</exception>
    public ExtName(string text)
        : this(Encoding.UTF8.GetBytes(text))
    {
    }

    /// <summary>The bytes.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes;

    /// <summary>The path of what has this name in a directory.</summary>
    /// <param name="directory">The directory's path, without a slash at either end; empty for where paths start.</param>
    internal byte[] Below(byte[] directory) => directory is [] ? Bytes.ToArray() : [.. directory, (byte)'/', .. Bytes];

    /// <summary>Whether the bytes are UTF-8, so that the text gives them back.</summary>
    public bool IsText
    {
        get
        {
            try
            {
                _ = StrictUtf8.GetCharCount(_bytes ?? []);
                return true;
            }
            catch (DecoderFallbackException)
            {
                return false;
            }
        }
    }

    /// <inheritdoc/>
    public bool Equals(ExtName other) => Bytes.SequenceEqual(other.Bytes);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is ExtName other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.AddBytes(Bytes);
        return hash.ToHashCode();
    }

    /// <summary>The text; bytes that are not UTF-8 become replacement characters.</summary>
    public override string ToString() => Encoding.UTF8.GetString(Bytes);

    /// <summary>A name from text, as UTF-8.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.InvalidDirectoryName"/>.</exception>
    public static implicit operator ExtName(string text) => new(text);

    /// <summary>Whether two names are the same bytes.</summary>
    public static bool operator ==(ExtName left, ExtName right) => left.Equals(right);

    /// <summary>Whether two names are different.</summary>
    public static bool operator !=(ExtName left, ExtName right) => !left.Equals(right);

    private static string? WhyInvalid(ReadOnlySpan<byte> bytes) => bytes switch
    {
        [] => "it is empty",
        [(byte)'.'] or [(byte)'.', (byte)'.'] => "it stands for a directory",
        { Length: > MaxLength } => $"it is longer than {MaxLength} bytes",
        _ => bytes.ContainsAny((byte)'/', (byte)0) ? "it contains a slash or a NUL" : null,
    };
}
