namespace OverlayTools.Containers;

/// <summary>A home directory of the user's choice.</summary>
/// <param name="Source">Full path of a directory on the host.</param>
/// <param name="Destination">Absolute path in the container, and the value of <c>HOME</c>.</param>
public sealed record HomeArgument(string Source, string Destination)
{
    /// <summary>Splits <c>SOURCE</c> or <c>SOURCE:DESTINATION</c>; <c>\:</c> is a colon of a path.</summary>
    /// <param name="text">As the user typed it.</param>
    /// <param name="resolve">Makes a full path of the host of what was typed.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.ContainerOptionInvalid"/>.</exception>
    public static HomeArgument Parse(string text, Func<string, string> resolve)
    {
        var fields = EscapedFields.Split(text, ':');
        if (fields.Count > 2 || fields.Any(field => field.Length == 0))
            throw new EngineException(ErrorIds.ContainerOptionInvalid, $"'{text}' is no home directory.",
                "Write SOURCE or SOURCE:DESTINATION, with '\\:' for a colon in a path.", text);
        var source = resolve(fields[0]);
        return new HomeArgument(source, fields.Count == 2 ? fields[1] : source);
    }
}
