namespace OverlayTools.Sif;

/// <summary>The failures that more than one part of this room reports.</summary>
internal static class SifFailure
{
    public static EngineException InvalidValue(string message, string? action = null) =>
        new(ErrorIds.SifInvalidValue, message, action);

    /// <summary>The file contradicts itself.</summary>
    /// <param name="path">The file.</param>
    /// <param name="what">Field, offset in the file, and what is wrong with it.</param>
    public static EngineException Corrupt(string path, string what) =>
        new(ErrorIds.SifCorrupt, $"'{path}' is damaged: {what}.",
            "Take a fresh copy of the image; a copy that stopped half-way looks like this.", path);

    /// <summary>The file can be read, but to change it would make matters worse.</summary>
    public static EngineException NotChangeable(string path, string what) =>
        new(ErrorIds.SifCorrupt, $"'{path}' can be read but not changed: {what}.",
            "Build a new image from the objects of this one.", path);
}
