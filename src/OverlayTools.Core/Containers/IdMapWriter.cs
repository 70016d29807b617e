using System.Diagnostics;
using System.Globalization;
using OverlayTools.Native;

namespace OverlayTools.Containers;

/// <summary>Writes the id maps of a process's new user namespace (<c>user_namespaces(7)</c>).</summary>
internal static class IdMapWriter
{
    public static void Write(int processId, IdentityPlan identity)
    {
        if (identity.Kind == IdentityKind.SubordinateIds && User.EffectiveId() != 0)
        {
            // Only these programs, which root installed, may map other ids; they check the user's ranges.
            var groups = Task.Run(() => RunMapper(HelperProgram.NewGidMap, processId, identity.GroupMap));
            RunMapper(HelperProgram.NewUidMap, processId, identity.UserMap);
            groups.GetAwaiter().GetResult();
            return;
        }

        // A group map without privilege needs setgroups(2) switched off first.
        if (identity.Kind != IdentityKind.SubordinateIds)
            File.WriteAllText($"/proc/{processId}/setgroups", "deny");
        File.WriteAllText($"/proc/{processId}/gid_map", Lines(identity.GroupMap));
        File.WriteAllText($"/proc/{processId}/uid_map", Lines(identity.UserMap));
    }

    private static string Lines(IEnumerable<IdMapping> map) =>
        string.Concat(map.Select(run => string.Create(
            CultureInfo.InvariantCulture, $"{run.Inside} {run.Outside} {run.Count}\n")));

    private static void RunMapper(HelperProgram mapper, int processId, IEnumerable<IdMapping> map)
    {
        var program = mapper.Find() ?? throw HelperProgram.NotFound([mapper]);
        var start = new ProcessStartInfo(program) { RedirectStandardError = true };
        start.ArgumentList.Add(processId.ToString(CultureInfo.InvariantCulture));
        foreach (var number in map.SelectMany(run => new[] { run.Inside, run.Outside, run.Count }))
            start.ArgumentList.Add(number.ToString(CultureInfo.InvariantCulture));

        using var process = Process.Start(start)
            ?? throw new EngineException(ErrorIds.HelperFailed, $"{program} could not be started.");
        var error = process.StandardError.ReadToEnd().Trim();
        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new EngineException(ErrorIds.HelperFailed, $"{mapper.Names[0]} refused to map ids: {error}",
                "Check your lines in /etc/subuid and /etc/subgid, and that newuidmap and newgidmap are set-user-id root.");
    }
}
