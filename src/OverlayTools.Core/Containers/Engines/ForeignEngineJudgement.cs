using System.Globalization;

namespace OverlayTools.Containers.Engines;

/// <summary>Says of an installed Apptainer or Singularity what it is, and whether it runs with root's help.</summary>
internal static class ForeignEngineJudgement
{
    /// <summary>Since this version, Apptainer mounts ext3 overlays by FUSE in setuid mode too.</summary>
    private static readonly Version s_setuidExt3 = new(1, 3);

    public static ContainerEngine Apptainer(EngineFacts facts) =>
        Judge(ContainerEngineKind.Apptainer, facts.Apptainer, facts,
            facts.Apptainer is null ? "It is not installed." : null,
            Packages.Install(facts.Packages, "apptainer"));

    public static ContainerEngine Singularity(EngineFacts facts) =>
        Judge(ContainerEngineKind.Singularity, facts.Singularity, facts,
            facts.Singularity is null ? "It is not installed."
            : IsApptainer(facts.Singularity.VersionText) ? $"'{facts.Singularity.Path}' is another name of Apptainer."
            : null,
            remedy: null);

    /// <summary>Whether <c>--version</c> speaks of Apptainer.</summary>
    public static bool IsApptainer(string versionText) => versionText.StartsWith("apptainer", StringComparison.Ordinal);

    /// <summary>The last word of what <c>--version</c> prints; null when there is none.</summary>
    public static string? VersionOf(string versionText) =>
        versionText.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries) is [.., var last] ? last : null;

    /// <summary>Whether an ordinary user gets its set-user-id starter, and may use it.</summary>
    public static bool IsSetuid(ForeignEngineFacts engine) =>
        engine.HasSetuidStarter && engine.Configuration.GetValueOrDefault("allow setuid", "yes") != "no";

    // Since a weakness of the kernel's ext4 became known, only the configuration lets users mount ext3 that way; newer
    // versions use FUSE instead.
    private static bool RefusesExt3(ContainerEngineKind kind, ForeignEngineFacts engine) =>
        kind == ContainerEngineKind.Apptainer
        && engine.Configuration.GetValueOrDefault("allow setuid-mount extfs", "no") != "yes"
        && NumbersOf(VersionOf(engine.VersionText)) < s_setuidExt3;

    /// <summary>The first two numbers of a version; 0.0 when it has none.</summary>
    public static Version NumbersOf(string? version)
    {
        var numbers = (version ?? string.Empty).Split('.', '-', '+', '~');
        return numbers.Length >= 2
            && int.TryParse(numbers[0], NumberStyles.None, CultureInfo.InvariantCulture, out var major)
            && int.TryParse(numbers[1], NumberStyles.None, CultureInfo.InvariantCulture, out var minor)
                ? new Version(major, minor)
                : new Version(0, 0);
    }

    private static ContainerEngine Judge(
        ContainerEngineKind kind, ForeignEngineFacts? found, EngineFacts facts, string? absence, string? remedy)
    {
        var setuid = found is not null && IsSetuid(found);
        var reason = absence;
        if (reason is null && found!.VersionText.Length == 0)
            reason = $"'{found.Path}' does not run.";
        if (reason is null && facts.UserId != 0 && !setuid && facts.UserNamespace is { Works: false })
            reason = "It needs user namespaces, which this user cannot make, or its set-user-id program.";
        return new ContainerEngine
        {
            Engine = kind,
            Available = reason is null,
            Reason = reason ?? string.Empty,
            Version = found is null ? null : VersionOf(found.VersionText),
            Path = found?.Path,
            IsSetuid = setuid,
            RefusesSetuidExt3 = setuid && RefusesExt3(kind, found!),
            Remedies = found is null && remedy is not null ? [remedy] : [],
        };
    }
}
