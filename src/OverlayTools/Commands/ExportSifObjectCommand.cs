using System.Management.Automation;
using OverlayTools.Completion;
using OverlayTools.Sif;

namespace OverlayTools.Commands;

/// <summary>Takes objects out of SIF images: into files, or as bytes into the pipeline.</summary>
[Cmdlet(VerbsData.Export, "SifObject", SupportsShouldProcess = true, DefaultParameterSetName = PathSet)]
[OutputType(typeof(FileInfo), typeof(byte[]))]
public sealed class ExportSifObjectCommand : SifImageCommand
{
    private readonly HashSet<string> _made = new(StringComparer.Ordinal);

    /// <summary>The objects' ids.</summary>
    [Parameter(Mandatory = true, Position = 1, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(SifObjectIdCompleter))]
    [ValidateNotNullOrEmpty]
    public uint[] Id { get; set; } = [];

    /// <summary>The file to make, or the directory to make it in; the current directory when left out.</summary>
    [Parameter(Position = 2)]
    [Alias("OutFile")]
    [ValidateNotNullOrEmpty]
    public string? Destination { get; set; }

    /// <summary>Emit the bytes, in arrays of up to 1 MiB, instead of making a file.</summary>
    [Parameter]
    public SwitchParameter AsByteStream { get; set; }

    /// <summary>Replace an existing file.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>Emit the file that was made.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        if (AsByteStream && Destination is not null)
            ThrowTerminatingError(ErrorMapping.ToErrorRecord(
                new EngineException(ErrorIds.OptionConflict, "A stream of bytes has no destination.",
                    "Leave out -Destination or -AsByteStream.", Destination), Destination));
    }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (var path in Images())
        {
            foreach (var id in Id)
                ForTarget(path, () => Export(path, id));
        }
    }

    private void Export(string path, uint id)
    {
        if (AsByteStream)
        {
            foreach (var chunk in SifExporter.Read(path, id, Stopped))
                WriteObject(chunk, enumerateCollection: false);
            return;
        }

        if (!TryResolveNew(Destination ?? ".", out var target))
            return;
        var found = Describe(path, id, out var name);
        if (Destination is null || Directory.Exists(target) || Destination.EndsWith('/'))
            target = System.IO.Path.Combine(target, name);
        if (!ShouldProcess(target, $"Export {found} from '{path}'"))
            return;
        // -Force is for what was there before, not for the object before this one.
        if (_made.Contains(target))
            throw new EngineException(ErrorIds.OverlayAlreadyExists,
                $"'{target}' was made from another object just now.", "Export objects of the same name one by one.", target);
        SifExporter.ToFile(path, id, target, Force, Progress, Stopped);
        _made.Add(target);
        if (PassThru)
            WriteObject(new FileInfo(target));
    }

    private string Describe(string path, uint id, out string name)
    {
        using var image = SifImage.Open(path, Stopped);
        var found = image.Find(id);
        name = SifExporter.FileName(path, found);
        return $"object {id}, {found.TypeText}, {ByteSize.Format(found.SizeBytes)},";
    }
}
