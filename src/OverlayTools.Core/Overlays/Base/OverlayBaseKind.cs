namespace OverlayTools.Overlays;

/// <summary>What the root file system of a base is stored as.</summary>
public enum OverlayBaseKind
{
    /// <summary>A squashfs file system, in a SIF image or in a file of its own.</summary>
    Squashfs,

    /// <summary>An ext3 file system, in a SIF image or in a file of its own.</summary>
    Ext3,

    /// <summary>A directory (a sandbox).</summary>
    Directory,
}

/// <summary>Whether a base is the one that an overlay was made on.</summary>
public enum OverlayBaseMatch
{
    /// <summary>The overlay does not say.</summary>
    Unknown,

    /// <summary>It has the same root file system, wherever it lies by now.</summary>
    Same,

    /// <summary>It is another one.</summary>
    Other,
}
