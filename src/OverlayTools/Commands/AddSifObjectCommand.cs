using System.Management.Automation;
using OverlayTools.Completion;
using OverlayTools.Sif;

namespace OverlayTools.Commands;

/// <summary>Adds an object of any type to SIF images, from a file or from the pipeline.</summary>
[Cmdlet(VerbsCommon.Add, "SifObject", SupportsShouldProcess = true, DefaultParameterSetName = PathSet)]
[OutputType(typeof(SifDescriptorInfo))]
public sealed class AddSifObjectCommand : SifAdditionCommand
{
    private SpooledInput? _input;
    private bool _isImageGiven;
    private bool _hasInput;

    /// <summary>The file that holds the object's bytes; without it they come from the pipeline.</summary>
    [Parameter(Position = 1)]
    [Alias("Source")]
    [ValidateNotNullOrEmpty]
    public string? InputPath { get; set; }

    /// <summary>The object's bytes: bytes and arrays of them as they are, a string as a line of UTF-8.</summary>
    [Parameter(ValueFromPipeline = true)]
    [AllowNull]
    [AllowEmptyString]
    public object? InputObject { get; set; }

    /// <summary>What the object is.</summary>
    [Parameter(Mandatory = true)]
    public SifDataType DataType { get; set; }

    /// <summary>The hash that a signature was made over.</summary>
    [Parameter]
    [Alias("SignHash")]
    public SifHashType HashType { get; set; }

    /// <summary>The OpenPGP fingerprint of the key that signed.</summary>
    [Parameter]
    [Alias("SignEntity")]
    [ValidateNotNullOrEmpty]
    public string? Fingerprint { get; set; }

    /// <summary>How a cryptographic message is written.</summary>
    [Parameter]
    [Alias("CryptMessageFormat")]
    public SifMessageFormat MessageFormat { get; set; }

    /// <summary>What a cryptographic message holds.</summary>
    [Parameter]
    [Alias("CryptMessageType")]
    public SifMessageType MessageType { get; set; }

    /// <summary>The format of a software bill of materials.</summary>
    [Parameter]
    [SifSbomFormatArgument]
    public SifSbomFormat SbomFormat { get; set; }

    /// <summary>The linked id is a group's.</summary>
    [Parameter]
    public SwitchParameter LinkedToGroup { get; set; }

    /// <inheritdoc/>
    protected override bool LinksToGroup => LinkedToGroup;

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        try
        {
            CheckOptions();
            _isImageGiven = IsBound(nameof(Path)) || IsBound(nameof(LiteralPath));
            if (InputPath is null)
                _input = new SpooledInput();
        }
        catch (EngineException error)
        {
            ThrowTerminatingError(ErrorMapping.ToErrorRecord(error, DataType));
        }
    }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        if (_input is null)
        {
            if (!TryResolveNew(InputPath!, out var source))
                return;
            AddAll(source, $"'{source}'");
            return;
        }

        if (!_isImageGiven)
            ThrowTerminatingError(ErrorMapping.ToErrorRecord(
                new EngineException(ErrorIds.OptionConflict, "What the pipeline brings is either the images or the content.",
                    "Name the images with -Path, or the content with -InputPath.", DataType), DataType));
        _hasInput = true;
        try
        {
            _input.Write(InputObject);
        }
        catch (Exception error) when (ErrorMapping.Understands(error))
        {
            // A part of the content is not the content.
            ThrowTerminatingError(ErrorMapping.ToErrorRecord(error, InputObject));
        }
    }

    /// <summary>The end of the input is the end of the content.</summary>
    protected override void EndProcessing()
    {
        if (_input is null || !_isImageGiven)
            return;
        // What failed to bring the content shall not have added an empty object.
        if (_hasInput)
            AddAll(_input.Complete(), "the pipeline");
        else
            WriteError(ErrorMapping.ToErrorRecord(new EngineException(ErrorIds.OptionConflict,
                "There is no content to add: the pipeline brought nothing.",
                "Bring the bytes through the pipeline, or name a file with -InputPath.", DataType), DataType));
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _input?.Dispose();
        base.Dispose(disposing);
    }

    private void AddAll(string source, string from)
    {
        foreach (var path in Images())
            ForTarget(path, () => Add(path, source, from, DataType, ChooseMetadata()));
    }

    private SifMetadata? ChooseMetadata() => DataType switch
    {
        SifDataType.Signature => new SifSignatureMetadata(HashType, Fingerprint),
        SifDataType.CryptographicMessage => new SifMessageMetadata(MessageFormat, MessageType),
        SifDataType.Sbom => new SifSbomMetadata(SbomFormat),
        _ => null,
    };

    private void CheckOptions()
    {
        (string Parameter, SifDataType Type)[] ofOneType =
        [
            (nameof(FileSystem), SifDataType.Partition), (nameof(PartitionType), SifDataType.Partition),
            (nameof(Architecture), SifDataType.Partition), (nameof(HashType), SifDataType.Signature),
            (nameof(Fingerprint), SifDataType.Signature),
            (nameof(MessageFormat), SifDataType.CryptographicMessage),
            (nameof(MessageType), SifDataType.CryptographicMessage), (nameof(SbomFormat), SifDataType.Sbom),
        ];
        foreach (var (parameter, type) in ofOneType)
        {
            if (IsBound(parameter) && DataType != type)
                throw new EngineException(ErrorIds.OptionConflict,
                    $"-{parameter} says something about objects of the type {type}; this one is to be {DataType}.",
                    $"Leave it out, or give -DataType {type}.", DataType);
        }

        // An empty object is made from an empty file, not from what somebody forgot to say.
        if (InputPath is null && !MyInvocation.ExpectingInput && !IsBound(nameof(InputObject)))
            throw new EngineException(ErrorIds.OptionConflict, "There is no content to add.",
                "Name a file with -InputPath, or bring the bytes through the pipeline.", DataType);
        if (DataType == SifDataType.Signature && !IsBound(nameof(HashType)))
            throw Missing(nameof(HashType));
        if (DataType == SifDataType.Sbom && SbomFormat is < SifSbomFormat.CycloneDxJson or > SifSbomFormat.SyftJson)
            throw Missing(nameof(SbomFormat));
        // The content of a partition from the pipeline cannot be described before it is there, its type can.
        if (DataType == SifDataType.Partition && InputPath is null && !IsBound(nameof(FileSystem)))
            throw Missing(nameof(FileSystem));
    }

    private EngineException Missing(string parameter) => new(ErrorIds.SifInvalidValue,
        $"An object of the type {DataType} needs -{parameter}.", $"Give -{parameter}; the Tab key offers the values.",
        DataType);
}
