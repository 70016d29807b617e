using System.Text;
using OverlayTools.IO;

namespace OverlayTools.Sif;

/// <summary>Makes SIF images.</summary>
public static class SifWriter
{
    // What siftool new gives, before the umask.
    private const uint Mode = 0x1ED; // 0755

    /// <summary>Makes an image. Until it is complete, and on stable storage, nothing is at its path.</summary>
    /// <param name="path">The file to make.</param>
    /// <param name="options">What the image is like.</param>
    /// <param name="objects">What to put into it, in this order.</param>
    /// <param name="force">Whether an existing file may be replaced.</param>
    /// <param name="progress">Told of the bytes done.</param>
    /// <param name="token">Stops the work; nothing remains.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayAlreadyExists"/>,
    /// <see cref="ErrorIds.SifInvalidValue"/>, <see cref="ErrorIds.SifNoFreeDescriptor"/> or
    /// <see cref="ErrorIds.SifPrimaryPartitionExists"/>.</exception>
    public static void Create(
        string path, SifCreateOptions options, IReadOnlyList<SifNewObject> objects, bool force = false,
        IProgress<EngineProgress>? progress = null, CancellationToken token = default)
    {
        using var file = AtomicFile.Create(path, Mode, force);
        Create(new FileWindow(file.Handle), path, options, objects, progress, token);
        file.Commit(force);
    }

    /// <summary>Makes an image in an empty window that can change its length.</summary>
    /// <exception cref="EngineException">As the other overload.</exception>
    internal static void Create(
        Window file, string path, SifCreateOptions options, IReadOnlyList<SifNewObject> objects,
        IProgress<EngineProgress>? progress = null, CancellationToken token = default)
    {
        var time = new SifChangeOptions { Time = options.Time, Deterministic = options.Deterministic }.Seconds(false);
        var table = new SifTable(file, path, NewHeader(options, time), []);
        var header = table.Header;
        file.SetLength(header.DescriptorsTotal == 0 ? SifHeader.Size : header.TableEnd);

        foreach (var added in objects)
            WriteData(file, table.Place(added, time), added, progress, token);

        table.WriteSlots();
        header.Write(file);
    }

    /// <summary>Makes room for an object's data and writes it; what was there before shines through nowhere.</summary>
    internal static void WriteData(
        Window file, SifObject placed, SifNewObject added, IProgress<EngineProgress>? progress, CancellationToken token)
    {
        token.ThrowIfCancellationRequested();
        // An empty object does not lengthen the file, even where its offset is aligned past the end.
        if (placed.SizeBytes > 0)
        {
            var oldLength = file.Length;
            if (placed.Offset < oldLength)
                file.Clear(placed.Offset, Math.Min(placed.End, oldLength) - placed.Offset);
            if (placed.End > oldLength)
                file.SetLength(placed.End);
            added.Content.WriteTo(placed.DataWindow(), progress, token);
        }

        added.AddDigest(placed.Descriptor, placed.DataWindow());
    }

    private static SifHeader NewHeader(SifCreateOptions options, long time)
    {
        if (options.Capacity is < 0 or > SifLayout.MostSlots)
            throw SifFailure.InvalidValue($"{options.Capacity} descriptors are not possible.",
                $"Choose a number from 0 to {SifLayout.MostSlots}.");

        var size = options.Capacity * SifDescriptor.Size;
        return new SifHeader
        {
            LaunchScript = EncodeLaunchScript(options.LaunchScript),
            Id = options.Id ?? (options.Deterministic ? Guid.Empty : Guid.NewGuid()),
            CreatedAt = time,
            ModifiedAt = time,
            DescriptorsFree = options.Capacity,
            DescriptorsTotal = options.Capacity,
            DescriptorsOffset = SifLayout.DescriptorsOffset,
            DescriptorsSize = size,
            DataOffset = SifLayout.DescriptorsOffset + size,
        };
    }

    private static byte[] EncodeLaunchScript(string script)
    {
        var field = new byte[SifHeader.LaunchScriptSize];
        // The last byte stays NUL.
        if (Encoding.UTF8.GetByteCount(script) >= field.Length || script.Contains('\0'))
            throw SifFailure.InvalidValue(
                $"The launch script is longer than {field.Length - 1} bytes, or contains a NUL.",
                "Choose a shorter one.");
        Encoding.UTF8.GetBytes(script, field);
        return field;
    }
}
