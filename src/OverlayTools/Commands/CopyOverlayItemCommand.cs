using System.Management.Automation;
using OverlayTools.Completion;
using OverlayTools.Overlays;

namespace OverlayTools.Commands;

/// <summary>Copies files out of overlays, and into them.</summary>
[Cmdlet(VerbsCommon.Copy, "OverlayItem", SupportsShouldProcess = true, DefaultParameterSetName = OutSet)]
[OutputType(typeof(FileSystemInfo), typeof(OverlayItem))]
public sealed class CopyOverlayItemCommand : OverlayToolsCommand
{
    private const string OutSet = "Out";
    private const string OutLiteralSet = "OutLiteral";
    private const string InSet = "In";
    private const string InLiteralSet = "InLiteral";

    private readonly List<(string Image, uint? Id, string ItemPath)> _out = [];
    private readonly List<string> _in = [];

    /// <summary>Where to copy from: overlays; with -Image, files and directories of this machine.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = OutSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = InSet, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("ImagePath")]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] Path { get; set; } = [];

    /// <summary>The same; every character stands for itself.</summary>
    [Parameter(Mandatory = true, ParameterSetName = OutLiteralSet, ValueFromPipelineByPropertyName = true)]
    [Parameter(Mandatory = true, ParameterSetName = InLiteralSet, ValueFromPipelineByPropertyName = true)]
    [Alias("FullName", "PSPath", "LP")]
    [ValidateNotNullOrEmpty]
    public string[] LiteralPath { get; set; } = [];

    /// <summary>Paths inside, as in the container; wildcards are accepted.</summary>
    [Parameter(Mandatory = true, Position = 1, ParameterSetName = OutSet, ValueFromPipelineByPropertyName = true)]
    [Parameter(Mandatory = true, Position = 1, ParameterSetName = OutLiteralSet, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(OverlayItemPathCompleter))]
    public string[] ItemPath { get; set; } = [];

    /// <summary>The directory of this machine to copy into; it is made when it is missing.</summary>
    [Parameter(Mandatory = true, Position = 2, ParameterSetName = OutSet)]
    [Parameter(Mandatory = true, Position = 2, ParameterSetName = OutLiteralSet)]
    [ValidateNotNullOrEmpty]
    public string Destination { get; set; } = string.Empty;

    /// <summary>The overlay image to copy into.</summary>
    [Parameter(Mandatory = true, ParameterSetName = InSet)]
    [Parameter(Mandatory = true, ParameterSetName = InLiteralSet)]
    [ValidateNotNullOrEmpty]
    public string Image { get; set; } = string.Empty;

    /// <summary>The directory inside to copy into, as in the container; it is made when it is missing.</summary>
    [Parameter(Mandatory = true, ParameterSetName = InSet)]
    [Parameter(Mandatory = true, ParameterSetName = InLiteralSet)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(OverlayItemPathCompleter))]
    public string ItemDestination { get; set; } = string.Empty;

    /// <summary>Who shall own what is copied into the overlay: USER:GROUP or USER, as numbers or names.</summary>
    [Parameter(ParameterSetName = InSet)]
    [Parameter(ParameterSetName = InLiteralSet)]
    [OverlayOwnerTransformation]
    [ArgumentCompleter(typeof(OwnerCompleter))]
    public OverlayOwner? Owner { get; set; }

    /// <summary>Keep the owners that the files have on this machine.</summary>
    [Parameter(ParameterSetName = InSet)]
    [Parameter(ParameterSetName = InLiteralSet)]
    public SwitchParameter KeepOwner { get; set; }

    /// <summary>The partition of a SIF image that has several.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(SifObjectIdCompleter))]
    public uint? Id { get; set; }

    /// <summary>Copy directories with all that is in them.</summary>
    [Parameter]
    public SwitchParameter Recurse { get; set; }

    /// <summary>Replace files that are there, and merge directories.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>Emit the copies.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    private bool IsIn => ParameterSetName is InSet or InLiteralSet;

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        if (KeepOwner && Owner is not null)
            ThrowTerminatingError(ErrorMapping.ToErrorRecord(new EngineException(ErrorIds.OptionConflict,
                "-KeepOwner and -Owner exclude each other.", "Give one of them.", Owner), Owner));
    }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        var literal = ParameterSetName is OutLiteralSet or InLiteralSet;
        foreach (var path in ResolveExisting(literal ? LiteralPath : Path, literal))
        {
            if (IsIn)
                _in.Add(path);
            else
                _out.AddRange(ItemPath.Select(item => (path, Id, item)));
        }
    }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        if (IsIn)
        {
            if (_in.Count > 0)
                CopyIn();
            return;
        }

        foreach (var batch in _out.GroupBy(item => (item.Image, item.Id)))
            ForTarget(batch.Key.Image, () => CopyOut(batch.Key.Image, batch.Key.Id, batch.Select(item => item.ItemPath).Distinct()));
    }

    private void CopyOut(string image, uint? id, IEnumerable<string> itemPaths)
    {
        if (!TryResolveNew(Destination, out var destination))
            return;
        // With -WhatIf not even the directory is made.
        var wanted = itemPaths.ToList();
        if (!ShouldProcess(image, $"Copy {string.Join(", ", wanted.Take(5))}{(wanted.Count > 5 ? $" and {wanted.Count - 5} more" : "")} to '{destination}'"))
            return;
        using var export = OverlayItemExport.Open(image, id, destination, Force, WriteWarning, Progress, Stopped);
        foreach (var itemPath in wanted)
        {
            ForTarget(itemPath, () =>
            {
                foreach (var item in export.Find(itemPath, ItemWildcard.PatternOf))
                    ForTarget(item.ItemPath, () => CopyOut(export, item.ItemPath));
            });
        }

        if (export.LostAttributes > 0)
            WriteWarning($"{export.LostAttributes} extended attributes could not be kept: this user, or the file system of '{destination}', does not allow them.");
    }

    private void CopyOut(OverlayItemExport export, string itemPath)
    {
        var copy = export.Copy(itemPath, Recurse);
        if (PassThru)
            WriteObject(Directory.Exists(copy) ? new DirectoryInfo(copy) : new FileInfo(copy));
    }

    private void CopyIn() => ForTarget(Image, () =>
    {
        if (!TryResolveNew(Image, out var image)
            || !ShouldProcess(image, $"Copy {_in.Count} item(s) into '{ItemDestination}'"))
            return;
        var copies = new OverlayItemImport
        {
            ImagePath = image,
            Id = Id,
            Sources = _in,
            ItemDestination = ItemDestination,
            Recurse = Recurse,
            Force = Force,
            Owner = Owner,
            KeepOwner = KeepOwner,
        }.Run(WriteWarning, Progress, Stopped);
        if (!PassThru)
            return;
        foreach (var copy in copies)
            WriteObject(OverlayItemReader.Read(new OverlayItemQuery { Path = image, Id = Id, ItemPath = copy }, WriteWarning, Stopped), true);
    });
}
