using System.Globalization;

namespace OverlayTools.Overlays;

/// <summary>How the files of checkpoints are named: <c>overlay.img.NAME.checkpoint</c> beside <c>overlay.img</c>, and
/// <c>box.sif#3.NAME.checkpoint</c> beside a SIF image for its partition 3.</summary>
internal static class CheckpointName
{
    private const string Suffix = ".checkpoint";
    private const int MostCharacters = 64;

    /// <summary>The name of one that the user gave none.</summary>
    public static string ForNow(DateTimeOffset now) => now.ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture);

    /// <summary>Refuses a name that could not be told from other parts of a file's name.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.CheckpointNameInvalid"/>.</exception>
    public static void Require(string name)
    {
        if (name.Length is 0 or > MostCharacters || !name.All(IsAllowed))
            throw new EngineException(ErrorIds.CheckpointNameInvalid, $"'{name}' is no name for a checkpoint.",
                $"Give up to {MostCharacters} letters, digits, '-' and '_'.", name);
    }

    /// <summary>The path of the copy.</summary>
    public static string PathOf(string image, uint? id, string name) => $"{image}{Partition(id)}.{name}{Suffix}";

    /// <summary>The name, where a file is a checkpoint of that image.</summary>
    public static string? NameIn(string file, string image, uint? id)
    {
        var start = $"{image}{Partition(id)}.";
        if (!file.StartsWith(start, StringComparison.Ordinal) || !file.EndsWith(Suffix, StringComparison.Ordinal)
            || file.Length <= start.Length + Suffix.Length)
            return null;
        var name = file[start.Length..^Suffix.Length];
        return name.All(IsAllowed) ? name : null;
    }

    // No dot: the image may have one, and the rest of its name be another's checkpoint.
    private static bool IsAllowed(char character) => char.IsAsciiLetterOrDigit(character) || character is '-' or '_';

    private static string Partition(uint? id) => id is null ? string.Empty : string.Create(CultureInfo.InvariantCulture, $"#{id}");
}
