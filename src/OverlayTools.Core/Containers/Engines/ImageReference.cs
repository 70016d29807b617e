namespace OverlayTools.Containers.Engines;

/// <summary>Tells an image that is fetched from somewhere from one that is a file.</summary>
public static class ImageReference
{
    // Apptainer's and Singularity's; the ones with one colon are made from something on this machine.
    private static readonly string[] s_remote = ["library", "oras", "ipfs", "shub", "docker", "oci", "http", "https"];
    private static readonly string[] s_local = ["docker-archive", "docker-daemon", "oci-archive", "oci"];

    /// <summary>Whether a text names an image that has to be pulled, or converted, before it can run.</summary>
    /// <param name="text">As the user typed it, for example <c>docker://alpine</c>. A file of such a name is meant when it
    /// is written with its directory, <c>./docker:x</c>.</param>
    public static bool IsPulled(string text) =>
        s_remote.Any(scheme => text.StartsWith(scheme + "://", StringComparison.Ordinal))
        || s_local.Any(scheme => text.StartsWith(scheme + ":", StringComparison.Ordinal));
}
