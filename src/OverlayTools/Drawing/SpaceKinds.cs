namespace OverlayTools.Drawing;

/// <summary>The kinds that drawings have in common.</summary>
internal static class SpaceKinds
{
    public static readonly SpaceKind Metadata = new("metadata", '▓', "34", "#3b6fb6");
    public static readonly SpaceKind Journal = new("journal", '▒', "35", "#8e5aa8");
    public static readonly SpaceKind Files = new("files", '█', "32", "#4c9a5b");
    public static readonly SpaceKind Free = new("free", '·', "90", "#e4e7eb");
    public static readonly SpaceKind Header = new("header and descriptors", 'H', "34", "#3b6fb6");
    public static readonly SpaceKind Padding = new("alignment", '-', "90", "#c3c9d1");
    public static readonly SpaceKind Hole = new("hole", '·', "90", "#f3f4f6");

    private const string Symbols = "123456789abcdefghijklmnopqrstuvwxyz";

    private static readonly (string Color, string Fill)[] s_objects =
        [("32", "#4c9a5b"), ("33", "#c7902f"), ("36", "#2f8f9d"), ("35", "#8e5aa8"), ("31", "#b5524b"), ("92", "#7fae3f")];

    /// <summary>Whether there is nothing in it.</summary>
    public static bool IsEmpty(this SpaceKind kind) =>
        ReferenceEquals(kind, Free) || ReferenceEquals(kind, Hole) || ReferenceEquals(kind, Padding);

    /// <summary>The kind of an object in a SIF image, by its id.</summary>
    public static SpaceKind Object(uint id)
    {
        var (color, fill) = s_objects[(id + s_objects.Length - 1) % s_objects.Length];
        return new SpaceKind($"object {id}", Symbols[(int)((id + (uint)Symbols.Length - 1) % Symbols.Length)], color, fill);
    }
}
