namespace OverlayTools.Containers;

/// <summary>The command <c>fakeroot</c> as it is installed on the host.</summary>
/// <param name="Script">Full path of the script.</param>
/// <param name="Daemon">Full path of <c>faked</c>.</param>
/// <param name="Library">Full path of <c>libfakeroot.so</c>.</param>
/// <param name="Loader">The program loader that the daemon needs, as its file names it; null for none.</param>
/// <param name="GetOpt">Full path of <c>getopt</c>, which the script needs; null when there is none.</param>
public sealed record FakeRootCommand(string Script, string Daemon, string Library, string? Loader, string? GetOpt);
