namespace OverlayTools.Overlays;

/// <summary>How an overlay image is, as far as it says itself; a check of its file system is
/// <see cref="OverlayTester"/>'s.</summary>
public enum OverlayState
{
    /// <summary>It was unmounted cleanly, and nothing was recorded against it.</summary>
    Clean,

    /// <summary>Somebody is writing it: what is on the disk lags behind.</summary>
    InUse,

    /// <summary>It was not unmounted cleanly, and has nothing to replay: a check is due.</summary>
    Unchecked,

    /// <summary>Its journal has to be replayed; the next one who writes it does that.</summary>
    NeedsRecovery,

    /// <summary>Errors were recorded in it: it is not to be written before it was repaired.</summary>
    Errors,

    /// <summary>What was read of it contradicts itself.</summary>
    Damaged,
}

/// <summary>Whether somebody uses an overlay image now.</summary>
public enum OverlayUse
{
    /// <summary>Nobody that can be seen from here.</summary>
    Free,

    /// <summary>Somebody reads it: others can read it too.</summary>
    Reading,

    /// <summary>Somebody writes it, or keeps everybody else out.</summary>
    Writing,

    /// <summary>It is locked, and no process that can be seen from here has the lock: one on another node has, another
    /// user's, or nobody any more and the file server does not know yet.</summary>
    HeldElsewhere,
}
