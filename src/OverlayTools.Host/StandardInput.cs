using System.Management.Automation;
using System.Management.Automation.Runspaces;
using System.Text;
using Microsoft.Win32.SafeHandles;
using OverlayTools.Host.Native;

namespace OverlayTools.Host;

/// <summary>
/// Standard input as lines. The terminal keeps its own line editing, which the runtime's console would replace by less,
/// and a waiting read can be interrupted.
/// </summary>
internal sealed class StandardInput(int descriptor) : TextReader
{
    private const int MillisecondsBetweenLooks = 100;

    private readonly FileStream _stream = new(new SafeFileHandle(descriptor, ownsHandle: false), FileAccess.Read, 0);
    private readonly Decoder _decoder = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false).GetDecoder();
    private readonly byte[] _bytes = new byte[4096];
    private readonly char[] _letters = new char[Encoding.UTF8.GetMaxCharCount(4096)];
    private int _position;
    private int _end;
    private volatile bool _isInterrupted;

    /// <summary>
    /// Makes a read that waits, and every read until <see cref="Resume"/>, throw <see
    /// cref="OperationCanceledException"/>: what is being stopped may be about to read.
    /// </summary>
    public void Interrupt() => _isInterrupted = true;

    /// <summary>Reads work again.</summary>
    public void Resume() => _isInterrupted = false;

    /// <inheritdoc/>
    public override int Peek() => Fill() ? _letters[_position] : -1;

    /// <inheritdoc/>
    public override int Read() => Fill() ? _letters[_position++] : -1;

    /// <inheritdoc/>
    public override int Read(char[] buffer, int index, int count)
    {
        if (count == 0 || !Fill())
            return 0;
        var length = Math.Min(count, _end - _position);
        Array.Copy(_letters, _position, buffer, index, length);
        _position += length;
        return length;
    }

    /// <inheritdoc/>
    public override string? ReadLine()
    {
        var line = new StringBuilder();
        while (Read() is var letter && letter >= 0)
        {
            if (letter == '\n')
                return line.ToString().TrimEnd('\r');
            line.Append((char)letter);
        }

        return line.Length > 0 ? line.ToString() : null;
    }

    /// <summary>
    /// Writes every line to a pipeline, on a thread of its own, and closes the pipeline's input at the end.
    /// </summary>
    public void FeedLines(PipelineWriter writer)
    {
        var feeder = new Thread(() =>
        {
            try
            {
                while (ReadLine() is { } line)
                    writer.Write(line);
            }
            catch (Exception error)
                when (error is PipelineClosedException or ObjectDisposedException or OperationCanceledException)
            {
                // Nobody reads any more.
            }

            writer.Close();
        })
        { IsBackground = true, Name = "Standard input" };
        feeder.Start();
    }

    private bool Fill()
    {
        if (_position < _end)
            return true;
        do
        {
            Wait();
            var length = _stream.Read(_bytes);
            if (length == 0)
                return false;
            _position = 0;
            _end = _decoder.GetChars(_bytes, 0, length, _letters, 0, flush: false);
        }
        while (_end == 0);
        return true;
    }

    private void Wait()
    {
        do
        {
            if (_isInterrupted)
                throw new OperationCanceledException();
        }
        while (!Libc.WaitForInput(descriptor, MillisecondsBetweenLooks));
    }
}
