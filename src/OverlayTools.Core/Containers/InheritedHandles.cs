using Microsoft.Win32.SafeHandles;
using OverlayTools.Native;

namespace OverlayTools.Containers;

/// <summary>What a child inherits: duplicates with high numbers, so that no source is also a target.</summary>
internal sealed class InheritedHandles : IDisposable
{
    private readonly List<SafeFileHandle> _owned = [];

    /// <summary>Which descriptor of ours becomes which of the child's.</summary>
    public List<(int From, int To)> Mapping { get; } = [];

    /// <summary>Passes a handle on; the caller may close it at once.</summary>
    public void Pass(SafeFileHandle handle, int target) => Pass(handle.DangerousGetHandle().ToInt32(), target);

    /// <summary>Passes a descriptor on.</summary>
    public void Pass(int descriptor, int target)
    {
        var duplicate = Descriptors.DuplicateAbove(descriptor, InitProtocol.LeastSourceDescriptor);
        _owned.Add(duplicate);
        Mapping.Add((duplicate.DangerousGetHandle().ToInt32(), target));
    }

    /// <summary>Passes a handle on, and closes it here.</summary>
    public void PassAndClose(SafeFileHandle handle, int target)
    {
        using (handle)
            Pass(handle, target);
    }

    public void Dispose()
    {
        foreach (var handle in _owned)
            handle.Dispose();
    }
}

/// <summary>Our ends of pipes to a child: closed, unless they are kept because the child has started.</summary>
internal sealed class HandleBag : IDisposable
{
    private readonly List<IDisposable> _held = [];

    public void Add(IDisposable handle) => _held.Add(handle);

    /// <summary>A stream of what the child writes to a descriptor.</summary>
    public FileStream Reader(InheritedHandles child, int target)
    {
        var (reader, writer) = Descriptors.Pipe();
        Add(reader);
        child.PassAndClose(writer, target);
        return new FileStream(reader, FileAccess.Read, bufferSize: 0);
    }

    /// <summary>A stream to what the child reads from a descriptor.</summary>
    public FileStream Writer(InheritedHandles child, int target)
    {
        var (reader, writer) = Descriptors.Pipe();
        Add(writer);
        child.PassAndClose(reader, target);
        return new FileStream(writer, FileAccess.Write, bufferSize: 0);
    }

    public void Keep() => _held.Clear();

    public void Dispose() => _held.ForEach(handle => handle.Dispose());
}
