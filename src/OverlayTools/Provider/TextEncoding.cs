using System.Text;

namespace OverlayTools.Provider;

/// <summary>Encodings by the names that PowerShell and the field use.</summary>
internal static class TextEncoding
{
    /// <summary>Names to offer.</summary>
    public static readonly string[] Names = ["ascii", "latin1", "unicode", "utf8", "utf32"];

    /// <summary>The encoding of that name.</summary>
    /// <param name="name">Null for UTF-8.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OptionConflict"/> for a name that none has.</exception>
    public static Encoding Find(string? name)
    {
        switch (name?.ToUpperInvariant())
        {
            case null or "" or "UTF8" or "UTF8NOBOM":
                return new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
            case "UNICODE":
                return Encoding.Unicode;
            case "UTF32":
                return Encoding.UTF32;
            default:
                break;
        }

        try
        {
            return Encoding.GetEncoding(name);
        }
        catch (ArgumentException error)
        {
            throw new EngineException(ErrorIds.OptionConflict, $"There is no encoding '{name}'.",
                $"Give one of {string.Join(", ", Names)}.", name, error);
        }
    }
}
