using System.Diagnostics;

namespace OverlayTools.Containers;

/// <summary>Finds the command <c>fakeroot</c>, and the library that it would load, on this machine.</summary>
internal static class FakeRootSearch
{
    private static readonly HelperProgram s_getOpt = new(["getopt"], "util-linux", "read options");

    // The variants with System V semaphores and with TCP; each has its own daemon. The plain name is a link to one.
    private static readonly string[] s_variants = ["-sysv", "-tcp", ""];

    /// <summary>All its parts; null when one is missing.</summary>
    public static FakeRootCommand? Find()
    {
        foreach (var variant in s_variants)
        {
            var script = new HelperProgram(["fakeroot" + variant], "fakeroot", "pretend ownership").Find();
            var daemon = new HelperProgram(["faked" + variant], "fakeroot", "pretend ownership").Find();
            if (script is not null && daemon is not null && Library(script) is { } library)
                return new FakeRootCommand(script, daemon, library, ProgramLoader.Of(daemon), s_getOpt.Find());
        }

        return null;
    }

    // Only the script knows where its library was installed: it tells its children.
    private static string? Library(string script)
    {
        var start = new ProcessStartInfo(script, ["env"]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start);
        if (process is null)
            return null;
        var errors = process.StandardError.ReadToEndAsync();
        var variables = process.StandardOutput.ReadToEnd().Split('\n').Select(line => line.Split('=', 2))
            .Where(pair => pair.Length == 2).ToLookup(pair => pair[0], pair => pair[1]);
        process.WaitForExit();
        errors.Wait();
        var name = variables["LD_PRELOAD"].SelectMany(value => value.Split(':', ' '))
            .FirstOrDefault(value => value.Contains("libfakeroot", StringComparison.Ordinal));
        if (name is null || Path.IsPathRooted(name))
            return File.Exists(name) ? name : null;
        return variables["LD_LIBRARY_PATH"].SelectMany(value => value.Split(':', StringSplitOptions.RemoveEmptyEntries))
            .Select(directory => Path.Combine(directory, name)).FirstOrDefault(File.Exists);
    }
}
