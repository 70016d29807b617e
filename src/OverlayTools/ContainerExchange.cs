using System.Text;
using OverlayTools.Containers;

namespace OverlayTools;

/// <summary>What came out of a container.</summary>
/// <param name="Value">A line, or a piece of bytes.</param>
/// <param name="IsError">Whether it came from standard error.</param>
internal readonly record struct ContainerOutput(object Value, bool IsError);

/// <summary>
/// Between the pipeline and a container's standard streams. Threads read and write the streams; the pipeline's thread
/// gives and takes. Both directions hold little: who is faster waits for who is slower, and while the pipeline waits for
/// the command to read, it takes what the command writes.
/// </summary>
internal sealed class ContainerExchange : IDisposable
{
    private const int MostBytes = 1 << 20;
    private const int ChunkSize = 1 << 16;
    private const int BytesForEach = 64; // what an object costs besides its content

    private static readonly UTF8Encoding s_text = new(encoderShouldEmitUTF8Identifier: false);

    private readonly object _gate = new();
    private readonly Queue<(ContainerOutput Output, int Cost)> _output = new();
    private readonly Queue<byte[]> _input = new();
    private readonly Task _threads;
    private int _outputCost;
    private int _inputCost;
    private int _readers;
    private bool _inputEnded;
    private bool _discards;

    /// <summary>Starts the threads.</summary>
    /// <param name="container">A container with at least one stream of ours.</param>
    /// <param name="inBytes">Whether standard output is bytes, not lines.</param>
    public ContainerExchange(IRunningContainer container, bool inBytes)
    {
        var work = new List<Action>();
        if (container.Output is { } output)
            work.Add(inBytes ? () => ReadBytes(output) : () => ReadLines(output, isError: false));
        if (container.Error is { } error)
            work.Add(() => ReadLines(error, isError: true));
        _readers = work.Count;
        if (container.Input is { } input)
            work.Add(() => WriteInput(input));
        else
            _inputEnded = true;
        _threads = Task.WhenAll(work.Select(one => Task.Factory.StartNew(
            one, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)));
    }

    /// <summary>The bytes of an object of the pipeline: text is a line, bytes are bytes.</summary>
    public static byte[] Encode(object? value, Func<object?, string> toText) => value switch
    {
        byte[] bytes => bytes,
        byte single => [single],
        _ => s_text.GetBytes(toText(value) + "\n"),
    };

    /// <summary>Gives the command something to read, when it has room.</summary>
    /// <param name="bytes">What to read.</param>
    /// <param name="take">Gets what comes out meanwhile.</param>
    public void Give(byte[] bytes, Action<ContainerOutput> take)
    {
        while (true)
        {
            lock (_gate)
            {
                if (_inputEnded)
                    break;
                if (_inputCost < MostBytes)
                {
                    _input.Enqueue(bytes);
                    _inputCost += bytes.Length + BytesForEach;
                    Monitor.PulseAll(_gate);
                    break;
                }

                if (_output.Count == 0)
                    Monitor.Wait(_gate);
            }

            TakeAll(take);
        }

        TakeAll(take);
    }

    /// <summary>There is nothing more to read for the command.</summary>
    public void EndInput()
    {
        lock (_gate)
        {
            _inputEnded = true;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Takes what comes out until nothing more can, or for a while.</summary>
    /// <param name="take">Gets it.</param>
    /// <param name="patience">How long to wait when nothing comes.</param>
    /// <returns>Whether more may come.</returns>
    public bool TakeFor(Action<ContainerOutput> take, TimeSpan patience)
    {
        lock (_gate)
        {
            if (_output.Count == 0 && _readers > 0)
                Monitor.Wait(_gate, patience);
        }

        TakeAll(take);
        lock (_gate)
            return _output.Count > 0 || _readers > 0;
    }

    /// <summary>Nobody wants what comes out from now on.</summary>
    public void Discard()
    {
        lock (_gate)
        {
            _discards = true;
            _inputEnded = true;
            _input.Clear();
            _output.Clear();
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Waits for the threads; the container has to have ended.</summary>
    public void Dispose()
    {
        Discard();
        _threads.Wait();
    }

    private void TakeAll(Action<ContainerOutput> take)
    {
        while (true)
        {
            ContainerOutput output;
            lock (_gate)
            {
                if (!_output.TryDequeue(out var next))
                    return;
                _outputCost -= next.Cost;
                output = next.Output;
                Monitor.PulseAll(_gate);
            }

            // Not under the lock: whoever takes may end the pipeline.
            take(output);
        }
    }

    private void Put(object value, int bytes, bool isError)
    {
        lock (_gate)
        {
            while (_outputCost >= MostBytes && !_discards)
                Monitor.Wait(_gate);
            if (_discards)
                return;
            var cost = bytes + BytesForEach;
            _output.Enqueue((new ContainerOutput(value, isError), cost));
            _outputCost += cost;
            Monitor.PulseAll(_gate);
        }
    }

    private void ReadLines(Stream stream, bool isError)
    {
        try
        {
            using var reader = new StreamReader(stream, s_text, detectEncodingFromByteOrderMarks: false, ChunkSize, leaveOpen: true);
            while (reader.ReadLine() is { } line)
                Put(line, line.Length * sizeof(char), isError);
        }
        finally
        {
            ReaderHasEnded();
        }
    }

    private void ReadBytes(Stream stream)
    {
        try
        {
            var buffer = new byte[ChunkSize];
            while (stream.Read(buffer) is > 0 and var count)
                Put(buffer[..count], count, isError: false);
        }
        finally
        {
            ReaderHasEnded();
        }
    }

    private void ReaderHasEnded()
    {
        lock (_gate)
        {
            _readers--;
            Monitor.PulseAll(_gate);
        }
    }

    private void WriteInput(Stream stream)
    {
        try
        {
            while (NextInput() is { } bytes)
                stream.Write(bytes);
            stream.Dispose();
        }
        catch (IOException)
        {
            // The command reads no further.
            lock (_gate)
            {
                _inputEnded = true;
                _input.Clear();
                Monitor.PulseAll(_gate);
            }
        }
    }

    // Many small objects become one piece.
    private byte[]? NextInput()
    {
        lock (_gate)
        {
            while (_input.Count == 0)
            {
                if (_inputEnded)
                    return null;
                Monitor.Wait(_gate);
            }

            byte[] bytes = _input.Count == 1 ? _input.Dequeue() : [.. _input.SelectMany(piece => piece)];
            _input.Clear();
            _inputCost = 0;
            Monitor.PulseAll(_gate);
            return bytes;
        }
    }
}
