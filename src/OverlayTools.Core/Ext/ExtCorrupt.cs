namespace OverlayTools.Ext;

/// <summary>Makes the error for a file system that contradicts itself.</summary>
internal static class ExtCorrupt
{
    /// <param name="structure">The structure in the format's words, for example <c>inode 12</c>.</param>
    /// <param name="offset">Where it lies, in bytes from the start of the file system.</param>
    /// <param name="what">What is wrong with it.</param>
    public static EngineException At(string structure, long offset, string what) =>
        Because($"{structure} at offset {offset}: {what}.");

    public static EngineException Because(string what) =>
        new(ErrorIds.OverlayCorrupt, $"The file system is damaged: {what}",
            "Test-OverlayImage says what is wrong; Repair-OverlayImage -Full repairs what can be repaired.");
}
