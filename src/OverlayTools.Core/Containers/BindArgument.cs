using System.Globalization;

namespace OverlayTools.Containers;

/// <summary>A bind as the user asked for it.</summary>
/// <param name="Source">Full path on the host of what is shown, or of the image that holds it.</param>
/// <param name="Destination">Absolute path in the container.</param>
/// <param name="ReadOnly">Whether the container sees it read-only.</param>
/// <param name="ImageSource">Absolute path inside the image; null where the source is no image.</param>
/// <param name="Id">The partition of a SIF image; null for its first data partition.</param>
public sealed record BindArgument(
    string Source, string Destination, bool ReadOnly = false, string? ImageSource = null, uint? Id = null)
{
    /// <summary>Whether the source is an image, and what is in it is shown.</summary>
    public bool IsImage => ImageSource is not null;

    /// <summary>Reads <c>SOURCE[:DESTINATION[:OPTION[,OPTION...]]]</c>, or several of them with commas between, as
    /// Apptainer does: <c>\:</c> and <c>\,</c> belong to a path, and a comma divides options only after source and
    /// destination.</summary>
    /// <param name="text">As the user typed it.</param>
    /// <param name="resolve">Makes a full path of the host of what was typed.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.ContainerOptionInvalid"/>.</exception>
    public static IReadOnlyList<BindArgument> Parse(string text, Func<string, string> resolve)
    {
        var binds = new List<BindArgument>();
        var pieces = EscapedFields.SplitRaw(text, ',');
        for (var i = 0; i < pieces.Count; i++)
        {
            var fields = EscapedFields.Split(pieces[i], ':');
            if (fields.Count > 3)
                throw Invalid(text, $"'{pieces[i]}' has more than three fields.");
            var options = fields.Count == 3 ? [fields[2]] : new List<string>();
            // What follows is an option of this bind as long as it looks like one, and no path.
            while (fields.Count == 3 && i + 1 < pieces.Count && IsOption(pieces[i + 1]))
                options.Add(EscapedFields.Unescape(pieces[++i]));
            binds.Add(From(text, fields, options, resolve));
        }

        return binds;
    }

    /// <summary>A bind from its parts.</summary>
    /// <param name="source">As the user typed it.</param>
    /// <param name="destination">Absolute path in the container; null for the source's.</param>
    /// <param name="readOnly">Whether the container sees it read-only.</param>
    /// <param name="imageSource">Path inside the image, or null.</param>
    /// <param name="id">Partition of a SIF image, or null.</param>
    /// <param name="resolve">Makes a full path of the host of what was typed.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.ContainerOptionInvalid"/>.</exception>
    public static BindArgument Of(
        string source, string? destination, bool readOnly, string? imageSource, uint? id, Func<string, string> resolve)
    {
        if (source.Length == 0)
            throw Invalid(source, "A bind has no source.");
        if (id == 0)
            throw Invalid(source, "There is no partition 0.");
        var full = resolve(source);
        var inside = string.IsNullOrEmpty(destination) ? full : destination;
        if (!inside.StartsWith('/'))
            throw Invalid(source, $"The destination '{inside}' is no absolute path.");
        if (id is not null && imageSource is null)
            imageSource = "/";
        if (imageSource is not null && !imageSource.StartsWith('/'))
            throw Invalid(source, $"'{imageSource}' is no absolute path in an image.");
        // What is in an image can only be read: it is nobody's overlay.
        return new BindArgument(full, inside, readOnly || imageSource is not null, imageSource, id);
    }

    private static BindArgument From(
        string text, List<string> fields, List<string> options, Func<string, string> resolve)
    {
        var readOnly = false;
        string? imageSource = null;
        uint? id = null;
        foreach (var option in options)
        {
            var (name, value) = option.Split('=', 2) is [var left, var right] ? (left, right) : (option, null);
            switch (name, value)
            {
                case ("ro", null):
                    readOnly = true;
                    break;
                case ("rw", null):
                    readOnly = false;
                    break;
                case ("image-src", { Length: > 0 }):
                    imageSource = value;
                    break;
                case ("id", not null) when uint.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number):
                    id = number;
                    break;
                default:
                    throw Invalid(text, $"'{option}' is no option of a bind.");
            }
        }

        return Of(fields[0], fields.ElementAtOrDefault(1), readOnly, imageSource, id, resolve);
    }

    private static bool IsOption(string text) =>
        text is "ro" or "rw" || text.StartsWith("image-src=", StringComparison.Ordinal)
        || text.StartsWith("id=", StringComparison.Ordinal)
        || !(text.Contains('/', StringComparison.Ordinal) || text.Contains(':', StringComparison.Ordinal));

    private static EngineException Invalid(string text, string why) =>
        new(ErrorIds.ContainerOptionInvalid, why,
            "Write SOURCE[:DESTINATION[:OPTIONS]], with options of ro, rw, image-src=PATH and id=NUMBER; or give "
            + "@{ Source = ...; Destination = ... }.", text);
}
