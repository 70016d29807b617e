using System.Buffers.Binary;
using System.Text;

namespace OverlayTools.Sif;

/// <summary>What a descriptor's <c>Extra</c> field says, by data type (SIF specification, 2.4).</summary>
public abstract record SifMetadata
{
    /// <summary>What siftool shows in brackets after the type, or null.</summary>
    public abstract string? Text { get; }

    /// <summary>Whether objects of the type carry metadata of this kind.</summary>
    public abstract bool Describes(SifDataType dataType);

    /// <summary>Writes the metadata at the start of a zeroed <c>Extra</c> field.</summary>
    public abstract void Write(Span<byte> extra);

    /// <summary>Reads a descriptor's metadata.</summary>
    /// <param name="dataType">The descriptor's type.</param>
    /// <param name="extra">The field <c>Extra</c>.</param>
    /// <param name="fault">What is wrong with it, or null.</param>
    /// <returns>Null when the type has none, or it cannot be read.</returns>
    internal static SifMetadata? Parse(SifDataType dataType, ReadOnlySpan<byte> extra, out string? fault)
    {
        fault = null;
        return dataType switch
        {
            SifDataType.Partition => SifPartitionMetadata.Parse(extra),
            SifDataType.Signature => SifSignatureMetadata.Parse(extra, out fault),
            SifDataType.CryptographicMessage => SifMessageMetadata.Parse(extra),
            SifDataType.Sbom => new SifSbomMetadata((SifSbomFormat)BinaryPrimitives.ReadInt32LittleEndian(extra)),
            SifDataType.OciRootIndex or SifDataType.OciBlob => SifDigestMetadata.Parse(extra, out fault),
            _ => null,
        };
    }
}

/// <summary>A partition's file system, purpose and architecture. Values that are not in the enumerations are
/// kept.</summary>
/// <param name="FileSystem"><c>fs type</c>.</param>
/// <param name="PartitionType"><c>partition type</c>.</param>
/// <param name="Architecture">The architecture of the programs inside.</param>
public sealed record SifPartitionMetadata(
    SifFileSystem FileSystem, SifPartitionType PartitionType, SifArchitecture Architecture) : SifMetadata
{
    private const int PartitionTypeOffset = 4;
    private const int ArchOffset = 8;

    /// <inheritdoc/>
    public override string Text => $"{FileSystemText}/{PartitionTypeText}/{Architecture.ToName()}";

    private string FileSystemText => FileSystem switch
    {
        SifFileSystem.Squashfs => "Squashfs",
        SifFileSystem.Ext3 => "Ext3",
        SifFileSystem.Archive => "Archive",
        SifFileSystem.Raw => "Raw",
        SifFileSystem.EncryptedSquashfs => "Encrypted squashfs",
        SifFileSystem.GocryptfsSquashfs => "Gocryptfs squashfs",
        _ => "Unknown",
    };

    private string PartitionTypeText => PartitionType switch
    {
        SifPartitionType.System => "System",
        SifPartitionType.PrimarySystem => "*System",
        SifPartitionType.Data => "Data",
        SifPartitionType.Overlay => "Overlay",
        _ => "Unknown",
    };

    /// <inheritdoc/>
    public override bool Describes(SifDataType dataType) => dataType == SifDataType.Partition;

    /// <inheritdoc/>
    /// <exception cref="EngineException"><see cref="ErrorIds.SifInvalidValue"/>: one of the values is not in its
    /// enumeration, or unknown.</exception>
    public override void Write(Span<byte> extra)
    {
        if (FileSystem is < SifFileSystem.Squashfs or > SifFileSystem.GocryptfsSquashfs)
            throw SifFailure.InvalidValue($"{(int)FileSystem} is no file system type.", "Give a value from 1 to 6.");
        if (PartitionType is < SifPartitionType.System or > SifPartitionType.Overlay)
            throw SifFailure.InvalidValue($"{(int)PartitionType} is no partition type.", "Give a value from 1 to 4.");
        if (!Architecture.IsKnown())
            throw SifFailure.InvalidValue($"{(int)Architecture} is no architecture.", "Give a value from 1 to 13.");
        BinaryPrimitives.WriteInt32LittleEndian(extra, (int)FileSystem);
        BinaryPrimitives.WriteInt32LittleEndian(extra[PartitionTypeOffset..], (int)PartitionType);
        Architecture.WriteCode(extra[ArchOffset..]);
    }

    /// <summary>The architecture's code as it is in a partition's <c>Extra</c>.</summary>
    internal static byte[] ArchitectureCode(ReadOnlySpan<byte> extra) =>
        extra.Slice(ArchOffset, SifArchitectures.CodeSize).ToArray();

    /// <summary>Changes the purpose; what no partition has behind its architecture is cleared.</summary>
    internal static void ChangeType(Span<byte> extra, SifPartitionType type)
    {
        BinaryPrimitives.WriteInt32LittleEndian(extra[PartitionTypeOffset..], (int)type);
        extra[(ArchOffset + SifArchitectures.CodeSize)..].Clear();
    }

    internal static SifPartitionMetadata Parse(ReadOnlySpan<byte> extra) => new(
        (SifFileSystem)BinaryPrimitives.ReadInt32LittleEndian(extra),
        (SifPartitionType)BinaryPrimitives.ReadInt32LittleEndian(extra[PartitionTypeOffset..]),
        SifArchitectures.FromCode(extra.Slice(ArchOffset, SifArchitectures.CodeSize)));
}

/// <summary>How a signature was made and by whom.</summary>
/// <param name="HashType"><c>hash type</c>.</param>
/// <param name="Fingerprint">The OpenPGP v4 fingerprint of the signing key as 40 upper-case hexadecimal digits; null
/// in a DSSE signature.</param>
public sealed record SifSignatureMetadata(SifHashType HashType, string? Fingerprint) : SifMetadata
{
    private const int EntityOffset = 4;
    private const int FingerprintSize = 20;

    /// <inheritdoc/>
    public override string Text => HashType switch
    {
        SifHashType.Sha256 => "SHA-256",
        SifHashType.Sha384 => "SHA-384",
        SifHashType.Sha512 => "SHA-512",
        SifHashType.Blake2s256 => "BLAKE2s-256",
        SifHashType.Blake2b256 => "BLAKE2b-256",
        _ => "Unknown",
    };

    /// <inheritdoc/>
    public override bool Describes(SifDataType dataType) => dataType == SifDataType.Signature;

    /// <inheritdoc/>
    /// <exception cref="EngineException"><see cref="ErrorIds.SifInvalidValue"/>.</exception>
    public override void Write(Span<byte> extra)
    {
        if (HashType is < SifHashType.Sha256 or > SifHashType.Blake2b256)
            throw SifFailure.InvalidValue($"{(int)HashType} is no hash type of a signature.",
                "Give a value from 1 to 5.");
        BinaryPrimitives.WriteInt32LittleEndian(extra, (int)HashType);
        if (Fingerprint is null)
            return;
        if (Fingerprint.Length != 2 * FingerprintSize || !Fingerprint.All(char.IsAsciiHexDigit))
            throw SifFailure.InvalidValue($"'{Fingerprint}' is no fingerprint of an OpenPGP v4 key.",
                "Give 40 hexadecimal digits.");
        Convert.FromHexString(Fingerprint).CopyTo(extra[EntityOffset..]);
    }

    internal static SifSignatureMetadata? Parse(ReadOnlySpan<byte> extra, out string? fault)
    {
        var hash = (SifHashType)BinaryPrimitives.ReadInt32LittleEndian(extra);
        if (hash is < SifHashType.Sha256 or > SifHashType.Blake2b256)
        {
            fault = $"hash type {(int)hash} of the signature is not supported";
            return null;
        }

        fault = null;
        var fingerprint = extra.Slice(EntityOffset, FingerprintSize);
        return new(hash, fingerprint.ContainsAnyExcept((byte)0) ? Convert.ToHexString(fingerprint) : null);
    }
}

/// <summary>What a cryptographic message is.</summary>
/// <param name="Format"><c>format</c>.</param>
/// <param name="MessageType"><c>message</c>.</param>
public sealed record SifMessageMetadata(SifMessageFormat Format, SifMessageType MessageType) : SifMetadata
{
    private const int MessageTypeOffset = 4;

    /// <inheritdoc/>
    public override string Text => $"{FormatText}/{MessageTypeText}";

    private string FormatText => Format switch
    {
        SifMessageFormat.OpenPgp => "OpenPGP",
        SifMessageFormat.Pem => "PEM",
        _ => "Unknown",
    };

    private string MessageTypeText => MessageType switch
    {
        SifMessageType.ClearSignature => "Clear Signature",
        SifMessageType.RsaOaep => "RSA-OAEP",
        _ => "Unknown",
    };

    /// <inheritdoc/>
    public override bool Describes(SifDataType dataType) => dataType == SifDataType.CryptographicMessage;

    /// <inheritdoc/>
    public override void Write(Span<byte> extra)
    {
        BinaryPrimitives.WriteInt32LittleEndian(extra, (int)Format);
        BinaryPrimitives.WriteInt32LittleEndian(extra[MessageTypeOffset..], (int)MessageType);
    }

    internal static SifMessageMetadata Parse(ReadOnlySpan<byte> extra) => new(
        (SifMessageFormat)BinaryPrimitives.ReadInt32LittleEndian(extra),
        (SifMessageType)BinaryPrimitives.ReadInt32LittleEndian(extra[MessageTypeOffset..]));
}

/// <summary>The format of a software bill of materials.</summary>
/// <param name="Format"><c>format</c>.</param>
public sealed record SifSbomMetadata(SifSbomFormat Format) : SifMetadata
{
    /// <inheritdoc/>
    public override string Text => Format switch
    {
        SifSbomFormat.CycloneDxJson => "cyclonedx-json",
        SifSbomFormat.CycloneDxXml => "cyclonedx-xml",
        SifSbomFormat.GitHubJson => "github-json",
        SifSbomFormat.SpdxJson => "spdx-json",
        SifSbomFormat.SpdxRdf => "spdx-rdf",
        SifSbomFormat.SpdxTagValue => "spdx-tag-value",
        SifSbomFormat.SpdxYaml => "spdx-yaml",
        SifSbomFormat.SyftJson => "syft-json",
        _ => "unknown",
    };

    /// <inheritdoc/>
    public override bool Describes(SifDataType dataType) => dataType == SifDataType.Sbom;

    /// <inheritdoc/>
    public override void Write(Span<byte> extra) => BinaryPrimitives.WriteInt32LittleEndian(extra, (int)Format);
}

/// <summary>The digest by which an OCI image names the object.</summary>
/// <param name="Digest"><c>sha256:</c> and 64 lower-case hexadecimal digits.</param>
public sealed record SifDigestMetadata(string Digest) : SifMetadata
{
    private const string Algorithm = "sha256:";
    private const int Digits = 64;

    /// <inheritdoc/>
    public override string? Text => null;

    /// <inheritdoc/>
    public override bool Describes(SifDataType dataType) => dataType is SifDataType.OciRootIndex or SifDataType.OciBlob;

    /// <inheritdoc/>
    public override void Write(Span<byte> extra) => Encoding.ASCII.GetBytes(Digest, extra);

    internal static SifDigestMetadata FromHash(ReadOnlySpan<byte> sha256) =>
        new(Algorithm + Convert.ToHexString(sha256).ToLowerInvariant());

    internal static SifDigestMetadata? Parse(ReadOnlySpan<byte> extra, out string? fault)
    {
        var text = SifText.Show(extra);
        var valid = text.Length == Algorithm.Length + Digits
            && text.StartsWith(Algorithm, StringComparison.Ordinal)
            && text.AsSpan(Algorithm.Length).IndexOfAnyExcept("0123456789abcdef") < 0;
        fault = valid ? null : $"'{text}' is no SHA-256 digest";
        return valid ? new(text) : null;
    }
}

/// <summary>Metadata whose meaning only its writer knows.</summary>
/// <param name="Bytes">At most <see cref="SifDescriptor.ExtraSize"/> bytes.</param>
public sealed record SifCustomMetadata(ReadOnlyMemory<byte> Bytes) : SifMetadata
{
    /// <inheritdoc/>
    public override string? Text => null;

    /// <inheritdoc/>
    public override bool Describes(SifDataType dataType) => true;

    /// <inheritdoc/>
    /// <exception cref="EngineException"><see cref="ErrorIds.SifInvalidValue"/>.</exception>
    public override void Write(Span<byte> extra)
    {
        if (Bytes.Length > SifDescriptor.ExtraSize)
            throw SifFailure.InvalidValue(
                $"The metadata has {Bytes.Length} bytes; a descriptor holds {SifDescriptor.ExtraSize}.");
        Bytes.Span.CopyTo(extra);
    }
}
