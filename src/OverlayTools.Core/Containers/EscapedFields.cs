using System.Text;

namespace OverlayTools.Containers;

/// <summary>Fields of a text between separators; a backslash takes the meaning from a separator after it.</summary>
internal static class EscapedFields
{
    private static readonly char[] s_separators = [':', ','];

    /// <summary>The fields, without the backslashes.</summary>
    public static List<string> Split(string text, char separator) =>
        [.. SplitRaw(text, separator).Select(Unescape)];

    /// <summary>The fields as they were written.</summary>
    public static List<string> SplitRaw(string text, char separator)
    {
        var fields = new List<string>();
        var start = 0;
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '\\')
                i++;
            else if (text[i] == separator)
            {
                fields.Add(text[start..i]);
                start = i + 1;
            }
        }

        fields.Add(text[start..]);
        return fields;
    }

    /// <summary>Takes the backslashes off before separators; any other stays.</summary>
    public static string Unescape(string text)
    {
        if (!text.Contains('\\', StringComparison.Ordinal))
            return text;
        var result = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '\\' && i + 1 < text.Length && s_separators.Contains(text[i + 1]))
                i++;
            result.Append(text[i]);
        }

        return result.ToString();
    }
}
