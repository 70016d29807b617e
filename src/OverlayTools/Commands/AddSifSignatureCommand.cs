using System.Management.Automation;
using System.Runtime.InteropServices;
using System.Security;
using OverlayTools.Completion;
using OverlayTools.Sif;
using OverlayTools.Sif.Signatures;

namespace OverlayTools.Commands;

/// <summary>Signs SIF images.</summary>
[Cmdlet(VerbsCommon.Add, "SifSignature", SupportsShouldProcess = true, DefaultParameterSetName = PathSet)]
[OutputType(typeof(SifDescriptorInfo))]
public sealed class AddSifSignatureCommand : SifImageCommand
{
    private SifSigningKey? _key;

    /// <summary>The PEM file with the private key.</summary>
    [Parameter(Mandatory = true, Position = 1)]
    [Alias("Key")]
    [ValidateNotNullOrEmpty]
    public string KeyPath { get; set; } = "";

    /// <summary>What an encrypted private key opens with.</summary>
    [Parameter]
    [ValidateNotNull]
    public SecureString? Passphrase { get; set; }

    /// <summary>The groups to sign; all when left out.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(SifGroupIdCompleter))]
    public uint[]? GroupId { get; set; }

    /// <summary>The objects to sign; all of the groups when left out.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(SifObjectIdCompleter))]
    public uint[]? Id { get; set; }

    /// <summary>Emits the new descriptors.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        try
        {
            _key = LoadKey(GetUnresolvedProviderPathFromPSPath(KeyPath));
        }
        catch (Exception error) when (ErrorMapping.Understands(error))
        {
            ThrowTerminatingError(ErrorMapping.ToErrorRecord(error, KeyPath));
        }
    }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (var path in Images())
            ForTarget(path, () => Sign(path));
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _key?.Dispose();
        base.Dispose(disposing);
    }

    private SifSigningKey LoadKey(string path)
    {
        if (Passphrase is null)
            return SifSigningKey.Load(path);
        var characters = Marshal.SecureStringToGlobalAllocUnicode(Passphrase);
        var passphrase = new char[Passphrase.Length];
        try
        {
            Marshal.Copy(characters, passphrase, 0, passphrase.Length);
            return SifSigningKey.Load(path, passphrase);
        }
        finally
        {
            Array.Clear(passphrase);
            Marshal.ZeroFreeGlobalAllocUnicode(characters);
        }
    }

    private void Sign(string path)
    {
        if (!ShouldProcess(path, $"Sign with the key {_key!.KeyId}"))
            return;

        WarnOfWhatWillChange(path);
        var result = SifSigning.Sign(path, _key, GroupId, Id, progress: Progress, token: Stopped);
        WarnIfUnlocked(path, result.Locked);
        if (!PassThru)
            return;
        foreach (var added in result.Signatures)
            WriteObject(SifDescriptorInfo.Of(path, added));
    }

    private void WarnOfWhatWillChange(string path)
    {
        using var image = SifImage.Open(path, Stopped);
        var writable = image.Objects.Where(o =>
            o.Partition is { PartitionType: SifPartitionType.Overlay, FileSystem: SifFileSystem.Ext3 }
            && o.GroupId is { } group && GroupId?.Contains(group) != false && Id?.Contains(o.Id) != false);
        foreach (var overlay in writable)
            WriteWarning($"Object {overlay.Id} of '{path}' is a writable overlay: the signature will not be valid any "
                + "more as soon as a container writes to it.");
    }
}
