using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Management.Automation;

namespace OverlayTools.Commands;

/// <summary>
/// What all cmdlets share: a token that Ctrl+C cancels, errors turned into records, throttled progress, and path
/// resolution that accepts only the file system.
/// </summary>
public abstract class OverlayToolsCommand : PSCmdlet, IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private ProgressReporter? _progress;

    /// <summary>Cancelled when the pipeline is stopped.</summary>
    protected CancellationToken Stopped => _stop.Token;

    /// <summary>Shows the engine's progress, a few times a second.</summary>
    protected IProgress<EngineProgress> Progress => _progress ??= new ProgressReporter(this);

    /// <inheritdoc/>
    protected override void StopProcessing() => _stop.Cancel();

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Releases what the cmdlet holds.</summary>
    protected virtual void Dispose(bool disposing)
    {
        if (disposing)
            _stop.Dispose();
    }

    /// <summary>Does the work on one target: a failure becomes an error record, and the next target gets its turn.</summary>
    /// <param name="target">What the error record names when the failure does not say.</param>
    /// <param name="work">The work; runs on the pipeline's thread.</param>
    protected void ForTarget(object? target, Action work)
    {
        try
        {
            work();
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            throw new PipelineStoppedException();
        }
        catch (Exception error) when (ErrorMapping.Understands(error))
        {
            WriteError(ErrorMapping.ToErrorRecord(error, target));
        }
        finally
        {
            _progress?.Complete();
        }
    }

    /// <summary>The existing files that the paths name, in order, each once; what cannot be resolved is an error record.</summary>
    /// <param name="paths">Paths as the user gave them.</param>
    /// <param name="literal">Whether wildcard characters stand for themselves.</param>
    protected IEnumerable<string> ResolveExisting(string[] paths, bool literal)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var path in paths)
        {
            foreach (var resolved in ResolveOne(path, literal))
            {
                if (seen.Add(resolved))
                    yield return resolved;
            }
        }
    }

    /// <summary>The full path of a file that need not exist; wildcard characters stand for themselves.</summary>
    /// <returns>False after an error record was written.</returns>
    protected bool TryResolveNew(string path, [NotNullWhen(true)] out string? resolved)
    {
        resolved = PlainPath.TryResolve(SessionState.Path, path);
        if (resolved is not null)
            return true;
        try
        {
            var full = SessionState.Path.GetUnresolvedProviderPathFromPSPath(path, out var provider, out _);
            if (!IsFileSystem(provider, path))
                return false;
            resolved = full;
            return true;
        }
        catch (SessionStateException error)
        {
            WriteNotFound(error, path);
            return false;
        }
    }

    private IEnumerable<string> ResolveOne(string path, bool literal)
    {
        // An object in the pipeline has the full path of its file, which is meant itself, whatever characters are in it.
        if (literal || !WildcardPattern.ContainsWildcardCharacters(path) || (path.StartsWith('/') && Path.Exists(path)))
            return TryResolveNew(path, out var single) ? [single] : [];

        try
        {
            var found = SessionState.Path.GetResolvedPSPathFromPSPath(path);
            return found.Count == 0 || IsFileSystem(found[0].Provider, path) ? found.Select(PlainPath.Of) : [];
        }
        catch (SessionStateException error)
        {
            WriteNotFound(error, path);
            return [];
        }
    }

    private bool IsFileSystem(ProviderInfo provider, string path)
    {
        if (provider.Name == "FileSystem")
            return true;
        var error = new EngineException(ErrorIds.PathNotFileSystem, $"'{path}' is not a path of the file system.",
            "Name a file or directory.", path);
        WriteError(ErrorMapping.ToErrorRecord(error, path));
        return false;
    }

    private void WriteNotFound(SessionStateException error, string path) =>
        WriteError(ErrorMapping.ToErrorRecord(
            new EngineException(ErrorIds.OverlayFileNotFound, error.Message, "Check the path.", path, error), path));

    /// <summary>The engine works on the pipeline's thread, so that its reports may be written at once.</summary>
    private sealed class ProgressReporter(OverlayToolsCommand command) : IProgress<EngineProgress>
    {
        private const long MillisecondsBetweenReports = 100;

        private readonly Stopwatch _sinceReport = new();
        private string? _activity;

        public void Report(EngineProgress value)
        {
            if (_sinceReport.IsRunning && _sinceReport.ElapsedMilliseconds < MillisecondsBetweenReports
                && (value.Total == 0 || value.Done < value.Total))
                return;
            _sinceReport.Restart();
            _activity = value.Activity;
            command.WriteProgress(new ProgressRecord(0, value.Activity, Describe(value))
            {
                PercentComplete = value.Total > 0 ? (int)(100 * (double)value.Done / value.Total) : -1,
            });
        }

        public void Complete()
        {
            if (_activity is null)
                return;
            command.WriteProgress(new ProgressRecord(0, _activity, "done") { RecordType = ProgressRecordType.Completed });
            _activity = null;
        }

        private static string Describe(EngineProgress value) => (value.Unit, value.Total) switch
        {
            ("bytes", > 0) => $"{ByteSize.Format(value.Done)} of {ByteSize.Format(value.Total)}",
            ("bytes", _) => ByteSize.Format(value.Done),
            (_, > 0) => $"{value.Done} of {value.Total} {value.Unit}",
            _ => $"{value.Done} {value.Unit}",
        };
    }
}
