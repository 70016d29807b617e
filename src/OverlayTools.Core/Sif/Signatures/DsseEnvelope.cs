using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace OverlayTools.Sif.Signatures;

/// <summary>A signed message in JSON: "Dead Simple Signing Envelope" (SIF specification, 4.4).</summary>
/// <param name="Payload">The message.</param>
/// <param name="Signatures">Who signed it.</param>
internal sealed record DsseEnvelope(byte[] Payload, IReadOnlyList<DsseSignature> Signatures)
{
    /// <summary>What says that the payload is a <see cref="SifSignedMessage"/>.</summary>
    public const string PayloadType = "application/vnd.sylabs.sif-metadata+json";

    // Escapes neither '+' nor '/', as Go does not.
    private static readonly JsonWriterOptions s_plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Whether the bytes are such an envelope, perhaps a damaged one.</summary>
    /// <param name="bytes">An object's data.</param>
    /// <param name="envelope">The envelope; null when it is damaged.</param>
    public static bool IsEnvelope(ReadOnlySpan<byte> bytes, out DsseEnvelope? envelope)
    {
        envelope = null;
        try
        {
            var reader = new Utf8JsonReader(bytes);
            if (!JsonDocument.TryParseValue(ref reader, out var document))
                return false;
            using (document)
            {
                var root = document.RootElement;
                if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("payloadType", out var type)
                    || type.ValueKind != JsonValueKind.String || !type.ValueEquals(PayloadType))
                    return false;
                // Writers before sif 2.17.1 ended the envelope with a newline. Anything else does not belong there.
                if (bytes[(int)reader.BytesConsumed..].IndexOfAnyExcept(" \t\r\n"u8) < 0)
                    envelope = TryRead(root);
                return true;
            }
        }
        catch (JsonException)
        {
            return false;
        }
    }

    /// <summary>The bytes that are signed.</summary>
    public static byte[] Encode(ReadOnlySpan<byte> payload)
    {
        var start = Encoding.ASCII.GetBytes($"DSSEv1 {PayloadType.Length} {PayloadType} {payload.Length} ");
        var bytes = new byte[start.Length + payload.Length];
        start.CopyTo(bytes, 0);
        payload.CopyTo(bytes.AsSpan(start.Length));
        return bytes;
    }

    /// <summary>The envelope as the reference implementation writes it, byte for byte.</summary>
    public byte[] ToJson()
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, s_plain))
        {
            json.WriteStartObject();
            json.WriteString("payloadType", PayloadType);
            json.WriteBase64String("payload", Payload);
            json.WriteStartArray("signatures");
            foreach (var signature in Signatures)
            {
                json.WriteStartObject();
                json.WriteString("keyid", signature.KeyId);
                json.WriteBase64String("sig", signature.Bytes);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    private static DsseEnvelope? TryRead(JsonElement root)
    {
        try
        {
            return Read(root);
        }
        catch (InvalidOperationException)
        {
            return null; // A string that is not UTF-8.
        }
    }

    private static DsseEnvelope? Read(JsonElement root)
    {
        if (!root.TryGetProperty("payload", out var payload) || Decode(payload) is not { } message
            || !root.TryGetProperty("signatures", out var list) || list.ValueKind != JsonValueKind.Array)
            return null;

        var signatures = new List<DsseSignature>();
        foreach (var element in list.EnumerateArray())
        {
            if (element.ValueKind != JsonValueKind.Object || !element.TryGetProperty("sig", out var sig)
                || Decode(sig) is not { } bytes)
                return null;
            signatures.Add(new DsseSignature(ReadKeyId(element), bytes));
        }

        return signatures.Count == 0 ? null : new DsseEnvelope(message, signatures);
    }

    private static string ReadKeyId(JsonElement element) =>
        element.TryGetProperty("keyid", out var id) && id.ValueKind == JsonValueKind.String ? id.GetString()! : "";

    // The standard alphabet or the one for URLs.
    private static byte[]? Decode(JsonElement element)
    {
        if (element.ValueKind != JsonValueKind.String)
            return null;
        var text = element.GetString()!.Replace('-', '+').Replace('_', '/');
        var bytes = new byte[text.Length];
        return Convert.TryFromBase64String(text, bytes, out var count) ? bytes[..count] : null;
    }
}

/// <summary>One signature in an envelope.</summary>
/// <param name="KeyId">What the signer calls the key; may be empty.</param>
/// <param name="Bytes">The signature.</param>
internal sealed record DsseSignature(string KeyId, byte[] Bytes);
