using OverlayTools.Ext;

namespace OverlayTools.Overlays;

/// <summary>What hides entries of the layers below: in the form of the kernel's overlayfs, and in that of fuse-overlayfs
/// (which has it from AUFS).</summary>
internal static class OverlayMarks
{
    /// <summary>The device numbers and permissions that the kernel gives a whiteout.</summary>
    public const uint WhiteoutPermissions = 0;

    /// <summary>By this attribute a directory is opaque for root's kernel.</summary>
    public const string TrustedOpaque = "trusted.overlay.opaque";

    /// <summary>By this one for the kernel when it was mounted with <c>userxattr</c>, and for fuse-overlayfs.</summary>
    public const string UserOpaque = "user.overlay.opaque";

    /// <summary>By this one for fuse-overlayfs alone.</summary>
    public const string FuseOpaque = "user.fuseoverlayfs.opaque";

    /// <summary>By this attribute, be it empty, root's kernel looks for whiteouts in a directory that is merged with nothing
    /// (<c>ovl_get_inode</c>): without it, it would list them.</summary>
    public const string TrustedOrigin = "trusted.overlay.origin";

    /// <summary>The same for the kernel when it was mounted with <c>userxattr</c>.</summary>
    public const string UserOrigin = "user.overlay.origin";

    private static readonly (string Name, OverlayMarkForms Form)[] s_opaque =
    [
        (TrustedOpaque, OverlayMarkForms.TrustedAttribute),
        (UserOpaque, OverlayMarkForms.UserAttribute),
        (FuseOpaque, OverlayMarkForms.FuseAttribute),
    ];

    /// <summary>The file that makes its directory opaque for fuse-overlayfs.</summary>
    public static readonly ExtName OpaqueFile = new(".wh..wh..opq");

    /// <summary>The device that fuse-overlayfs leaves beside it, which nobody takes for anything.</summary>
    public static readonly ExtName OpaqueDevice = new(".wh..opq");

    /// <summary>What the attributes of an opaque directory hold.</summary>
    public static readonly byte[] Yes = [(byte)'y'];

    /// <summary>How the names of fuse-overlayfs's marks begin.</summary>
    public static ReadOnlySpan<byte> Prefix => ".wh."u8;

    /// <summary>The attributes by which a directory is opaque for whoever mounts it.</summary>
    public static IEnumerable<string> OpaqueAttributes => s_opaque.Select(pair => pair.Name);

    /// <summary>The name of the file that hides another for fuse-overlayfs; null when it would be too long.</summary>
    public static ExtName? FileFor(ExtName name) =>
        name.Bytes.Length + Prefix.Length <= ExtName.MaxLength ? new ExtName((byte[])[.. Prefix, .. name.Bytes]) : default(ExtName?);

    /// <summary>What an entry means, in which form, and the name of what it hides beside it.</summary>
    public static (OverlayItemMeaning Meaning, OverlayMarkForms Forms, ExtName? Hidden) Of(
        OverlayContent content, OverlayEntry entry, IReadOnlyDictionary<string, byte[]> attributes)
    {
        if (entry.Parent is not null && (entry.Name == OpaqueFile || entry.Name == OpaqueDevice))
            return (OverlayItemMeaning.OpaqueMark, OverlayMarkForms.NamedFile, default(ExtName?));
        if (entry.Parent is not null && HiddenByName(entry.Name) is { } hidden)
            return (OverlayItemMeaning.Whiteout, OverlayMarkForms.NamedFile, hidden);
        if (entry.IsWhiteoutDevice)
            return (OverlayItemMeaning.Whiteout, OverlayMarkForms.CharacterDevice, entry.Name);
        if (entry.Type != ExtFileType.Directory)
            return (OverlayItemMeaning.File, OverlayMarkForms.None, default(ExtName?));
        var forms = OpaqueForms(content, entry, attributes);
        return (forms == OverlayMarkForms.None ? OverlayItemMeaning.Directory : OverlayItemMeaning.OpaqueDirectory, forms, default(ExtName?));
    }

    /// <summary>Whether a name says that its directory is opaque.</summary>
    public static bool IsOpaqueName(ExtName name) => name == OpaqueFile || name == OpaqueDevice;

    /// <summary>Whether a name says that a directory is opaque, for whoever reads such names.</summary>
    public static bool IsOpaqueFile(ExtName name) => name == OpaqueFile;

    /// <summary>The forms in which the attributes of a directory say that it is opaque.</summary>
    public static OverlayMarkForms OpaqueForms(IReadOnlyDictionary<string, byte[]> attributes)
    {
        var forms = OverlayMarkForms.None;
        foreach (var (name, form) in s_opaque)
        {
            if (Says(attributes, name))
                forms |= form;
        }

        return forms;
    }

    private static OverlayMarkForms OpaqueForms(
        OverlayContent content, OverlayEntry directory, IReadOnlyDictionary<string, byte[]> attributes) =>
        OpaqueForms(attributes)
        | (content.Find(directory, OpaqueFile) is null ? OverlayMarkForms.None : OverlayMarkForms.NamedFile);

    /// <summary>Whether an attribute says that a directory is opaque. Only "y" means it: with "x" the directory has
    /// whiteouts in the form of attributes (<c>ovl_check_opaqueness</c>).</summary>
    public static bool Says(IReadOnlyDictionary<string, byte[]> attributes, string name) =>
        attributes.TryGetValue(name, out var value) && value.AsSpan().SequenceEqual(Yes);

    /// <summary>What a file of this name hides for fuse-overlayfs; null when it is no name of a mark.</summary>
    public static ExtName? HiddenByName(ExtName name) =>
        name.Bytes.StartsWith(Prefix) && name.Bytes[Prefix.Length..] is var rest and not ([] or [(byte)'.'] or [(byte)'.', (byte)'.'])
            ? new ExtName(rest)
            : default(ExtName?);
}
