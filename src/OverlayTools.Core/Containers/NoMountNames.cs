namespace OverlayTools.Containers;

/// <summary>Names of what can be left out of a container (Apptainer's <c>--no-mount</c>).</summary>
public static class NoMountNames
{
    /// <summary>The file system of processes.</summary>
    public const string Proc = "proc";

    /// <summary>The file system of the kernel's objects.</summary>
    public const string Sys = "sys";

    /// <summary>Devices.</summary>
    public const string Dev = "dev";

    /// <summary>Terminals of a small <c>/dev</c>.</summary>
    public const string DevPts = "devpts";

    /// <summary>The home directory.</summary>
    public const string Home = "home";

    /// <summary><c>/tmp</c> and <c>/var/tmp</c>.</summary>
    public const string Tmp = "tmp";

    /// <summary>Other file systems of the host; never shown here.</summary>
    public const string HostFs = "hostfs";

    /// <summary>The caller's working directory.</summary>
    public const string Cwd = "cwd";

    /// <summary>All of <see cref="SharedFiles"/> but the resolver's.</summary>
    public const string BindPaths = "bind-paths";

    /// <summary>Files that the host shares without being asked; each can be named by its path.</summary>
    public static IReadOnlyList<string> SharedFiles { get; } = ["/etc/localtime", "/etc/hosts", "/etc/resolv.conf"];

    /// <summary>Every word.</summary>
    public static IReadOnlyList<string> All { get; } = [Proc, Sys, Dev, DevPts, Home, Tmp, HostFs, Cwd, BindPaths];
}
