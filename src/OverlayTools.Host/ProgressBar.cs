using System.Diagnostics;
using System.Management.Automation;

namespace OverlayTools.Host;

/// <summary>
/// One line on standard error that says how far long work is; only on a terminal, a few times a second.
/// </summary>
internal sealed class ProgressBar
{
    private const long MillisecondsBetweenUpdates = 100;
    private const string ClearLine = "\r\u001b[K";

    private readonly Stopwatch _sinceUpdate = new();
    private readonly Lock _lock = new();
    private bool _isShown;

    /// <summary>Shows a record, or takes the line away if the work is done.</summary>
    public void Show(ProgressRecord record)
    {
        if (!Terminal.CanRewriteErrorLine)
            return;
        lock (_lock)
        {
            if (record.RecordType == ProgressRecordType.Completed)
            {
                Clear();
                return;
            }

            if (_sinceUpdate.IsRunning && _sinceUpdate.ElapsedMilliseconds < MillisecondsBetweenUpdates)
                return;
            _sinceUpdate.Restart();
            _isShown = true;
            Console.Error.Write(ClearLine + Line(record, Terminal.Size.Columns - 1));
        }
    }

    /// <summary>Takes the line away, if it is there.</summary>
    public void Clear()
    {
        lock (_lock)
        {
            if (!_isShown)
                return;
            _isShown = false;
            Console.Error.Write(ClearLine);
        }
    }

    /// <summary>The text of a record.</summary>
    /// <param name="record">What is known of the work.</param>
    /// <param name="columns">The longest the text may be.</param>
    internal static string Line(ProgressRecord record, int columns)
    {
        var percent = record.PercentComplete >= 0 ? $" {record.PercentComplete,3}%" : "";
        var text = $"{record.Activity}:{percent} {record.StatusDescription}".ReplaceLineEndings(" ");
        return text.Length > columns ? text[..Math.Max(0, columns)] : text;
    }
}
