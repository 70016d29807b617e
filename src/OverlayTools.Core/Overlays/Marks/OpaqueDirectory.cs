namespace OverlayTools.Overlays;

/// <summary>A directory of an image that hides what the layers below have in it.</summary>
/// <param name="Inode">Its inode.</param>
/// <param name="Path">Its path in the layer, without a slash at the start.</param>
/// <param name="IsFilled">Whether <see cref="OpaqueFiller"/> has been there.</param>
internal readonly record struct OpaqueDirectory(uint Inode, byte[] Path, bool IsFilled);
