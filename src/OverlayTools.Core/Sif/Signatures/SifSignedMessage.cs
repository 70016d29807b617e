using System.Buffers;
using System.Text.Json;

namespace OverlayTools.Sif.Signatures;

/// <summary>What a signature of a current format signs: digests of the header, of descriptors and of data (SIF
/// specification, 4.3).</summary>
/// <param name="Header">Digest of <see cref="SifHeader.WriteIntegrityStream"/>.</param>
/// <param name="Objects">The objects, in the order of the message.</param>
internal sealed record SifSignedMessage(SifDigest Header, IReadOnlyList<SifSignedObject> Objects)
{
    private const int Version = 1;

    /// <summary>Reads a message; keys that are not known are passed over, as is the version.</summary>
    /// <param name="json">The message.</param>
    /// <param name="fault">Why it cannot be read.</param>
    public static SifSignedMessage? Parse(ReadOnlyMemory<byte> json, out SifSignatureReason fault)
    {
        fault = SifSignatureReason.MalformedMessage;
        try
        {
            using var document = JsonDocument.Parse(json);
            var root = document.RootElement;
            if (ReadDigest(root.GetProperty("header").GetProperty("digest"), ref fault) is not { } header)
                return null;

            var objects = new List<SifSignedObject>();
            foreach (var element in root.GetProperty("objects").EnumerateArray())
            {
                var descriptor = ReadDigest(element.GetProperty("descriptorDigest"), ref fault);
                var data = descriptor is null ? null : ReadDigest(element.GetProperty("objectDigest"), ref fault);
                if (data is null)
                    return null;
                objects.Add(new SifSignedObject(element.GetProperty("relativeId").GetUInt32(), descriptor!, data));
            }

            return new SifSignedMessage(header, objects);
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException
            or FormatException)
        {
            fault = SifSignatureReason.MalformedMessage;
            return null;
        }
    }

    /// <summary>The message as the reference implementation writes it, byte for byte.</summary>
    public byte[] ToJson()
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteNumber("version", Version);
            json.WriteStartObject("header");
            json.WriteString("digest", Header.ToString());
            json.WriteEndObject();
            json.WriteStartArray("objects");
            foreach (var signed in Objects)
            {
                json.WriteStartObject();
                json.WriteNumber("relativeId", signed.RelativeId);
                json.WriteString("descriptorDigest", signed.Descriptor.ToString());
                json.WriteString("objectDigest", signed.Data.ToString());
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    private static SifDigest? ReadDigest(JsonElement element, ref SifSignatureReason fault) =>
        element.GetString() is { } text ? SifDigest.Parse(text, out fault) : null;
}

/// <summary>What a signature says of one object.</summary>
/// <param name="RelativeId">The id less the smallest id in the group.</param>
/// <param name="Descriptor">Digest of <see cref="SifDescriptor.WriteIntegrityStream"/>.</param>
/// <param name="Data">Digest of the data.</param>
internal sealed record SifSignedObject(uint RelativeId, SifDigest Descriptor, SifDigest Data);
