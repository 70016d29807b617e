using OverlayTools.IO;

namespace OverlayTools.Sif;

public static partial class SifEditor
{
    /// <summary>Changes what a descriptor says of its object beyond type, place and name.</summary>
    /// <param name="path">The image. It is locked exclusively, as a whole.</param>
    /// <param name="id">The object.</param>
    /// <param name="metadata">What it shall say; for an OCI object, the digest that it is named by.</param>
    /// <param name="options">The time that the change leaves; null for the ordinary one.</param>
    /// <param name="token">Stops the work before it begins.</param>
    /// <returns>The object as it is afterwards.</returns>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayInUse"/>,
    /// <see cref="ErrorIds.SifDescriptorNotFound"/>, <see cref="ErrorIds.SifSigned"/>,
    /// <see cref="ErrorIds.SifInvalidValue"/> (metadata of another type), <see cref="ErrorIds.SifCorrupt"/>, or what
    /// opening the image throws.</exception>
    public static SifObject SetMetadata(
        string path, uint id, SifMetadata metadata, SifChangeOptions? options = null, CancellationToken token = default) =>
        Locked(path, (file, _) => SetMetadata(file, path, id, metadata, options, token)).Result;

    /// <summary>Changes the metadata in an image that the caller holds open and locked.</summary>
    internal static SifObject SetMetadata(
        Window file, string path, uint id, SifMetadata metadata, SifChangeOptions? options = null,
        CancellationToken token = default)
    {
        using var image = OpenChangeable(file, path, token);
        var target = image.Find(id);
        if (!metadata.Describes(target.DataType))
            throw SifFailure.InvalidValue(
                $"Object {id} of '{path}' has the type {target.DataType}, which has no such metadata.");
        if (metadata is SifPartitionMetadata)
            throw SifFailure.InvalidValue("What a partition is cannot be changed like this.",
                "Use Set-SifPrimaryPartition, or add the partition anew.");
        image.RefuseSigned(target);
        token.ThrowIfCancellationRequested();

        var time = (options ?? new SifChangeOptions()).Seconds(image.IsDeterministic);
        var slot = new byte[SifDescriptor.Size];
        target.Descriptor.Write(slot);
        slot.AsSpan(SifDescriptor.ExtraOffset).Clear();
        var descriptor = SifDescriptor.Parse(slot);
        metadata.Write(descriptor.Extra);
        descriptor.ModifiedAt = time;
        descriptor.Used = 1;
        var changed = target.With(descriptor);
        var header = image.Header.Copy();
        header.ModifiedAt = time;
        SifTableSwap.Run(file, image, header, [.. image.Objects.Select(o => o.Slot == target.Slot ? changed : o)]);
        return changed;
    }
}
