using System.Globalization;
using System.Text;
using System.Text.Json;

namespace OverlayTools.Overlays;

/// <summary>
/// Which base an overlay was used on: what hides, replaces and changes the files of one base means something else on
/// another. An overlay keeps it in an extended attribute of the directory that <c>upper</c> and <c>work</c> are in, where
/// neither a container nor another program looks.
/// </summary>
public sealed partial record OverlayBase
{
    /// <summary>The attribute that it is kept in.</summary>
    public const string AttributeName = "user.overlaytools.base";

    private const int MostBytes = 1000;
    private const int Version = 1;

    /// <summary>Full path of the base when it was recorded; only its name where that is very long.</summary>
    public required string Path { get; init; }

    /// <summary>What the base is stored as.</summary>
    public required OverlayBaseKind Kind { get; init; }

    /// <summary>The identity of a SIF image; null for another base.</summary>
    public Guid? SifId { get; init; }

    /// <summary>The id of the root file system's partition in a SIF image; null for another base.</summary>
    public uint? PartitionId { get; init; }

    /// <summary>What tells the root file system from others, for example <c>sha256:</c> and 64 digits: of squashfs, over
    /// its superblock, its tables, which have every file's time and every block's size, and some of its data; of ext3, over its identity,
    /// which stays when it is written; of a directory, over its inode.</summary>
    public required string Digest { get; init; }

    /// <summary>Bytes of the image file.</summary>
    public long SizeBytes { get; init; }

    /// <summary>Last change of the image file.</summary>
    public DateTimeOffset Modified { get; init; }

    /// <summary>When the overlay was first used on it.</summary>
    public DateTimeOffset Recorded { get; init; }

    /// <summary>In words, for a warning.</summary>
    public string Describe() => string.Create(CultureInfo.InvariantCulture,
        $"'{Path}' ({(SifId is { } id ? $"SIF {id}, " : "")}{Digest[..Math.Min(Digest.Length, 19)]}, {Recorded.LocalDateTime:yyyy-MM-dd HH:mm})");

    /// <inheritdoc/>
    public override string ToString() => Path;

    /// <summary>The bytes of the attribute.</summary>
    public byte[] ToBytes()
    {
        var bytes = Serialize(Path);
        // An attribute has to fit into a block of the file system.
        return bytes.Length <= MostBytes ? bytes : Serialize(Shorten(System.IO.Path.GetFileName(Path)));
    }

    /// <summary>Reads the bytes of the attribute.</summary>
    /// <returns>Null where they are something else, or of a later version.</returns>
    public static OverlayBase? FromBytes(ReadOnlySpan<byte> bytes)
    {
        try
        {
            var reader = new Utf8JsonReader(bytes);
            using var document = JsonDocument.ParseValue(ref reader);
            var root = document.RootElement;
            if (root.GetProperty("version").GetInt32() != Version)
                return null;
            return new OverlayBase
            {
                Path = Printable(root, "path"),
                Kind = Enum.Parse<OverlayBaseKind>(Printable(root, "kind")),
                SifId = root.TryGetProperty("sif", out var sif) ? sif.GetGuid() : null,
                PartitionId = root.TryGetProperty("partition", out var partition) ? partition.GetUInt32() : null,
                Digest = Printable(root, "digest"),
                SizeBytes = root.GetProperty("size").GetInt64(),
                Modified = new DateTimeOffset(root.GetProperty("modified").GetInt64(), TimeSpan.Zero),
                Recorded = root.GetProperty("recorded").GetDateTimeOffset(),
            };
        }
        // Whoever writes the overlay writes this too.
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException
            or FormatException or ArgumentException or OverflowException)
        {
            return null;
        }
    }

    private static string Printable(JsonElement root, string name) =>
        PrintableText.Show(Encoding.UTF8.GetBytes(root.GetProperty(name).GetString() ?? throw new FormatException(name)));

    private static string Shorten(string text) => text.Length <= 200 ? text : text[..200];

    private byte[] Serialize(string path)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream))
        {
            writer.WriteStartObject();
            writer.WriteNumber("version", Version);
            writer.WriteString("path", path);
            writer.WriteString("kind", Kind.ToString());
            if (SifId is { } sif)
                writer.WriteString("sif", sif);
            if (PartitionId is { } partition)
                writer.WriteNumber("partition", partition);
            writer.WriteString("digest", Digest);
            writer.WriteNumber("size", SizeBytes);
            writer.WriteNumber("modified", Modified.UtcTicks);
            writer.WriteString("recorded", Recorded);
            writer.WriteEndObject();
        }

        return stream.ToArray();
    }
}
