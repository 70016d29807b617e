namespace OverlayTools.Containers.Engines;

/// <summary>Which package brings a helper program, by the distribution's name for it.</summary>
internal static class Packages
{
    // Debian's name is HelperProgram's; only what is called otherwise elsewhere is here.
    private static readonly Dictionary<string, string> s_dnf = new(StringComparer.Ordinal)
    {
        ["uidmap"] = "shadow-utils",
    };

    private static readonly Dictionary<string, string> s_zypper = new(StringComparer.Ordinal)
    {
        ["uidmap"] = "shadow",
        ["squashfs-tools"] = "squashfs",
    };

    /// <summary>The command that installs a package.</summary>
    /// <param name="tool">What installs packages.</param>
    /// <param name="debianName">The package's name in Debian.</param>
    public static string Install(PackageTool tool, string debianName) => tool switch
    {
        PackageTool.Dnf => $"dnf install {s_dnf.GetValueOrDefault(debianName, debianName)}",
        PackageTool.Zypper => $"zypper install {s_zypper.GetValueOrDefault(debianName, debianName)}",
        _ => $"apt-get install {debianName}",
    };

    /// <summary>What <c>/etc/os-release</c> says about packages.</summary>
    /// <param name="lines">Its lines.</param>
    public static PackageTool ToolOf(IEnumerable<string> lines)
    {
        var words = lines
            .Where(line => line.StartsWith("ID=", StringComparison.Ordinal) || line.StartsWith("ID_LIKE=", StringComparison.Ordinal))
            .SelectMany(line => line[(line.IndexOf('=') + 1)..].Trim('"', '\'').Split(' '))
            .ToHashSet(StringComparer.Ordinal);
        if (words.Overlaps(["debian", "ubuntu"]))
            return PackageTool.Apt;
        if (words.Overlaps(["fedora", "rhel", "centos", "rocky", "almalinux"]))
            return PackageTool.Dnf;
        return words.Any(word => word.Contains("suse", StringComparison.Ordinal)) ? PackageTool.Zypper : PackageTool.Apt;
    }
}
