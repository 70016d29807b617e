using OverlayTools.IO;

namespace OverlayTools.Sif;

/// <summary>Which partition is run now.</summary>
/// <param name="Primary">The partition.</param>
/// <param name="Former">The one that was run before; null when there was none, or it is the same.</param>
/// <param name="Changed">False when it was the primary partition already, and nothing was written.</param>
/// <param name="Locked">False when the file system knows no locks, so that nothing kept others out.</param>
public sealed record SifPrimaryChange(SifObject Primary, SifObject? Former, bool Changed, bool Locked = true);

public static partial class SifEditor
{
    /// <summary>Changes the primary partition of an image that the caller holds open and locked.</summary>
    internal static SifPrimaryChange SetPrimary(
        Window file, string path, uint id, SifChangeOptions? options = null, CancellationToken token = default)
    {
        using var image = OpenChangeable(file, path, token);
        var target = image.Find(id);
        CheckPrimary(image, target);
        if (target.IsPartition(SifPartitionType.PrimarySystem))
            return new SifPrimaryChange(target, null, Changed: false);
        var former = image.PrimaryPartition;
        foreach (var changed in new[] { target, former })
        {
            if (changed is not null && image.IsObjectSigned(changed))
                throw Signed(path,
                    $"Object {changed.Id} of '{path}' is signed: its signature would no longer be valid.",
                    "Remove the signature first, or change an unsigned copy of the image.");
        }

        token.ThrowIfCancellationRequested();
        var time = (options ?? new SifChangeOptions()).Seconds(image.IsDeterministic);
        var newTarget = WithType(target, SifPartitionType.PrimarySystem, time);
        var newFormer = former is null ? null : WithType(former, SifPartitionType.System, time);
        var header = image.Header.Copy();
        header.Arch = SifPartitionMetadata.ArchitectureCode(newTarget.Descriptor.Extra);
        header.ModifiedAt = time;
        header.DescriptorsFree = image.FreeDescriptors;
        header.DataSize = image.DataSize;
        SifTableSwap.Run(file, image, header, [.. image.Objects.Select(o => o.Slot switch
        {
            var slot when slot == newTarget.Slot => newTarget,
            var slot when slot == newFormer?.Slot => newFormer,
            _ => o,
        })]);
        return new SifPrimaryChange(newTarget, newFormer, Changed: true);
    }

    private static void CheckPrimary(SifImage image, SifObject target)
    {
        if (target.Partition is not { } partition)
            throw SifFailure.InvalidValue(
                $"Object {target.Id} of '{image.Path}' is no partition, but {target.TypeText}.",
                "Name a partition of the type System.");
        if (partition.PartitionType is not (SifPartitionType.System or SifPartitionType.PrimarySystem))
            throw SifFailure.InvalidValue(
                $"Object {target.Id} of '{image.Path}' is a partition of the type {partition.PartitionType}.",
                "Only a partition of the type System can become the one that is run.");
    }

    // File system and architecture are kept as stored, so that codes which we do not know survive (specification, 3.7).
    private static SifObject WithType(SifObject partition, SifPartitionType type, long time)
    {
        var slot = new byte[SifDescriptor.Size];
        partition.Descriptor.Write(slot);
        var descriptor = SifDescriptor.Parse(slot);
        SifPartitionMetadata.ChangeType(descriptor.Extra, type);
        descriptor.ModifiedAt = time;
        descriptor.Used = 1;
        return partition.With(descriptor);
    }
}
