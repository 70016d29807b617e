using OverlayTools.Ext;

namespace OverlayTools.Overlays;

/// <summary>Names for what is not complete yet, or about to be removed, beside what it stands for.</summary>
internal static class TemporaryName
{
    /// <summary>A name that nothing has.</summary>
    public static ExtName New() => new($".{Guid.NewGuid().ToString("N")[..16]}.tmp");
}
