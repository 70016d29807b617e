namespace OverlayTools;

/// <summary>How far a piece of work has come.</summary>
/// <param name="Activity">What is being done, for example <c>Copying root file system</c>.</param>
/// <param name="Done">Units finished.</param>
/// <param name="Total">Units in all; 0 when unknown.</param>
/// <param name="Unit">What is counted: <c>bytes</c> or a plural noun such as <c>groups</c>.</param>
public readonly record struct EngineProgress(string Activity, long Done, long Total, string Unit = "bytes");
