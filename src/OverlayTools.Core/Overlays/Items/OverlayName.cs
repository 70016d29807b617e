using OverlayTools.Ext;

namespace OverlayTools.Overlays;

/// <summary>A name in a directory of a layer.</summary>
/// <param name="Name">The name.</param>
/// <param name="Number">What the layer calls the file by; 0 where only opening it says.</param>
internal readonly record struct OverlayName(ExtName Name, ulong Number);
