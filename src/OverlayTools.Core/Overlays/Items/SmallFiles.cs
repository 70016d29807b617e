using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using Microsoft.Win32.SafeHandles;
using OverlayTools.Ext;
using OverlayTools.Native;

namespace OverlayTools.Overlays;

/// <summary>
/// Makes small files side by side: whoever adds them reads them, since a reader is for one thread, and others make what was
/// read. Nearly all the time is the kernel's, for making files, and it does that for several directories at once.
/// </summary>
internal sealed class SmallFiles : IDisposable
{
    /// <summary>The most bytes in a file that counts as small.</summary>
    public const int MostBytes = 1 << 16;

    private const int BatchBytes = 1 << 20;
    private const int BatchFiles = 128;
    private const int MostWorkers = 8;

    private readonly Func<byte[], SafeFileHandle> _openDirectory;
    private readonly Func<byte[], string> _describe;
    private readonly NodeAttributes _attributes;
    private readonly BlockingCollection<Batch> _batches;
    private readonly Task[] _workers;
    private Batch? _batch;
    private Exception? _failure;

    /// <param name="openDirectory">Opens a directory by its path.</param>
    /// <param name="describe">Makes a path of what errors show.</param>
    /// <param name="attributes">Sets owners, modes, attributes and times.</param>
    public SmallFiles(Func<byte[], SafeFileHandle> openDirectory, Func<byte[], string> describe, NodeAttributes attributes)
    {
        (_openDirectory, _describe, _attributes) = (openDirectory, describe, attributes);
        var workers = Math.Min(Environment.ProcessorCount, MostWorkers);
        _batches = new BlockingCollection<Batch>(2 * workers);
        _workers = [.. Enumerable.Range(0, workers).Select(_ => Task.Run(Work))];
    }

    /// <summary>Files of one directory, and what is in them, one after the other.</summary>
    private sealed class Batch(byte[] directory)
    {
        public byte[] Directory => directory;

        public byte[] Content { get; } = ArrayPool<byte>.Shared.Rent(BatchBytes);

        public List<(ExtName Name, byte[] Path, ExtNode Node)> Files { get; } = [];

        public int Length { get; set; }
    }

    /// <summary>Whether a file is small, and has no holes.</summary>
    public static bool Takes(ExtNode node) => node is { Type: ExtFileType.RegularFile, Content.Length: <= MostBytes }
        && (node.Content.Length == 0 || (node.Content.DataRuns is [var run] && run == (0, node.Content.Length)));

    /// <summary>Reads a file; it is made soon.</summary>
    /// <param name="directory">The path of its directory, which is there.</param>
    /// <param name="name">Its name.</param>
    /// <param name="path">Its path.</param>
    /// <param name="node">The file.</param>
    /// <exception cref="LinuxException">One that was added before could not be made.</exception>
    public void Add(byte[] directory, ExtName name, byte[] path, ExtNode node)
    {
        var length = (int)node.Content.Length;
        if (_batch is { } open && (open.Directory != directory || open.Files.Count == BatchFiles || open.Length + length > BatchBytes))
            Send();
        var batch = _batch ??= new Batch(directory);
        if (length > 0)
        {
            using var source = node.Content.Open();
            source.ReadExactly(batch.Content.AsSpan(batch.Length, length));
        }

        batch.Length += length;
        batch.Files.Add((name, path, node));
    }

    /// <summary>Waits until all are made.</summary>
    /// <exception cref="LinuxException">One could not be made.</exception>
    public void Complete()
    {
        Send();
        Stop();
        ThrowFailure();
    }

    /// <summary>Ends, whatever is still to be made.</summary>
    public void Dispose()
    {
        _ = Interlocked.CompareExchange(ref _failure, new OperationCanceledException(), null);
        Stop();
        _batches.Dispose();
    }

    private void Stop()
    {
        _batches.CompleteAdding();
        Task.WaitAll(_workers);
    }

    private void Send()
    {
        ThrowFailure();
        if (_batch is { } batch)
            _batches.Add(batch);
        _batch = null;
    }

    private void ThrowFailure()
    {
        if (Volatile.Read(ref _failure) is { } failure)
            ExceptionDispatchInfo.Throw(failure);
    }

    private void Work()
    {
        foreach (var batch in _batches.GetConsumingEnumerable())
        {
            try
            {
                if (Volatile.Read(ref _failure) is null)
                    Make(batch);
            }
            catch (Exception error)
            {
                // It is thrown where the files are added.
                _ = Interlocked.CompareExchange(ref _failure, error, null);
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(batch.Content);
            }
        }
    }

    private void Make(Batch batch)
    {
        using var parent = _openDirectory(batch.Directory);
        var at = 0;
        foreach (var (name, path, node) in batch.Files)
        {
            var describe = _describe(path);
            var length = (int)node.Content.Length;
            // It is made with no rights at all, which do not matter to who has it open.
            using var file = Openat2.Beneath(parent, name.Bytes, Open.WriteOnly | Open.Create | Open.Exclusive, describe);
            if (length > 0)
                RandomAccess.Write(file, batch.Content.AsSpan(at, length), 0);
            _attributes.Set(file, isPathOnly: false, node, describe);
            at += length;
        }
    }
}
