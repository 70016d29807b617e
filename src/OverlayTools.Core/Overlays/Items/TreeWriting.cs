namespace OverlayTools.Overlays;

/// <summary>How a tree is written.</summary>
/// <param name="Activity">What the progress is called.</param>
/// <param name="Replace">Whether files that are there are replaced, and directories merged.</param>
/// <param name="Owner">Who shall own all; null: who owns it, where this user may give files away.</param>
internal readonly record struct TreeWriting(string Activity, bool Replace, OverlayOwner? Owner = null);
