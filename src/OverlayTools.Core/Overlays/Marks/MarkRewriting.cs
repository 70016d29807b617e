namespace OverlayTools.Overlays;

/// <summary>What was made of the marks in an image.</summary>
/// <param name="Whiteouts">Deletions that were rewritten.</param>
/// <param name="Opaque">Directories whose mark was completed.</param>
/// <param name="Left">Marks for which there was no room.</param>
/// <param name="Filled">Names of layers below that got a whiteout of their own in an opaque directory.</param>
internal readonly record struct MarkRewriting(int Whiteouts, int Opaque, int Left, int Filled = 0);
