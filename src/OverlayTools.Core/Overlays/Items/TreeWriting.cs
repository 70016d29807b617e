namespace OverlayTools.Overlays;

/// <summary>How a tree is written.</summary>
/// <param name="Activity">What the progress is called.</param>
/// <param name="Replace">Whether files that are there are replaced, and directories merged.</param>
/// <param name="Owner">Who shall own all; null: who owns it, where this user may give files away.</param>
/// <param name="NeedsOwner">Whether it is an error when <paramref name="Owner"/> may not be given the files.</param>
/// <param name="IsLayer">Whether the directory is a layer of an overlay: what is written takes the place of marks of
/// deletions.</param>
internal readonly record struct TreeWriting(
    string Activity, bool Replace, OverlayOwner? Owner = null, bool NeedsOwner = false, bool IsLayer = false);
