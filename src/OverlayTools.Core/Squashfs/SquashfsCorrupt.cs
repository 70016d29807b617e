namespace OverlayTools.Squashfs;

/// <summary>Makes the error for a squashfs file system that contradicts itself.</summary>
internal static class SquashfsCorrupt
{
    /// <param name="structure">The structure in the format's words, for example <c>metadata block</c>.</param>
    /// <param name="offset">Where it lies, in bytes from the start of the file system.</param>
    /// <param name="what">What is wrong with it.</param>
    /// <param name="inner">What caused it.</param>
    public static EngineException At(string structure, long offset, string what, Exception? inner = null) =>
        Because($"{structure} at offset {offset}: {what}.", inner);

    public static EngineException Because(string what, Exception? inner = null) =>
        new(ErrorIds.SquashfsCorrupt, $"The squashfs file system is damaged: {what}",
            "It is read-only, so nothing repairs it: get the image again.", null, inner);
}
