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
    private (string Path, uint Id)? _first;
    private bool _isIntoDirectory;
    private string _target = "";

    /// <summary>The objects' ids.</summary>
    [Parameter(Mandatory = true, Position = 1, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(SifObjectIdCompleter))]
    [ValidateNotNullOrEmpty]
    public uint[] Id { get; set; } = [];

    /// <summary>The file to make, or the directory to make it in; the current directory when left out. Of what is not
    /// there, a file is made for one object, and a directory for several.</summary>
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
                Take(path, id);
        }
    }

    /// <summary>The only object goes into a file.</summary>
    protected override void EndProcessing()
    {
        if (_first is { } only)
            ForTarget(only.Path, () => Export(only.Path, only.Id));
    }

    // Whether there are several shows when the second one comes.
    private void Take(string path, uint id)
    {
        if (!AsByteStream)
        {
            if (!TryResolveNew(Destination ?? ".", out var target))
                return;
            _target = target;
        }

        if (_first is { } first)
        {
            _first = null;
            _isIntoDirectory = true;
            ForTarget(first.Path, () => Export(first.Path, first.Id));
        }
        else if (IsOpen())
        {
            _first = (path, id);
            return;
        }

        ForTarget(path, () => Export(path, id));
    }

    private bool IsOpen() =>
        !AsByteStream && !_isIntoDirectory && Destination is not null && !Destination.EndsWith('/')
        && _made.Count == 0 && !System.IO.Path.Exists(_target);

    private void Export(string path, uint id)
    {
        if (AsByteStream)
        {
            foreach (var chunk in SifExporter.Read(path, id, Stopped))
                WriteObject(chunk, enumerateCollection: false);
            return;
        }

        var target = _target;
        var found = Describe(path, id, out var names);
        if (Destination is null || _isIntoDirectory || Directory.Exists(target) || Destination.EndsWith('/'))
            target = ChooseName(target, names);
        if (!ShouldProcess(target, $"Export {found} from '{path}'"))
            return;
        // -Force is for what was there before, not for the object before this one.
        if (_made.Contains(target))
            throw new EngineException(ErrorIds.OverlayAlreadyExists,
                $"'{target}' was made from another object just now.",
                "Name a directory, with a slash at the end, or export the objects one by one.", target);
        if (_isIntoDirectory || Destination?.EndsWith('/') == true)
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(target)!);
        SifExporter.ToFile(path, id, target, Force, Progress, Stopped);
        _made.Add(target);
        if (PassThru)
            WriteObject(new FileInfo(target));
    }

    // Objects of several images often have the same name.
    private string ChooseName(string directory, IReadOnlyList<string> names) =>
        names.Select(name => System.IO.Path.Combine(directory, name)).FirstOrDefault(path => !_made.Contains(path))
        ?? System.IO.Path.Combine(directory, names[^1]);

    private string Describe(string path, uint id, out IReadOnlyList<string> names)
    {
        using var image = SifImage.Open(path, Stopped);
        var found = image.Find(id);
        names = SifExporter.FileNames(path, found);
        return $"object {id}, {found.TypeText}, {ByteSize.Format(found.SizeBytes)},";
    }
}
