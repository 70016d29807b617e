using System.Diagnostics;

namespace OverlayTools.TestSupport;

/// <summary>What the machine that runs the tests offers; a test that lacks something reports a named skip.</summary>
internal static class Machine
{
    public static string RepositoryRoot { get; } = FindRepositoryRoot();

    /// <summary>The module folder that a build fills.</summary>
    public static string ModuleBin => Path.Combine(RepositoryRoot, "bin");

    public static bool IsRoot { get; } = Environment.UserName == "root" || Run("id", "-u").Output.Trim() == "0";

    public static void NeedRoot() => Assert.SkipUnless(IsRoot, "needs root");

    public static void NeedTool(string name) =>
        Assert.SkipUnless(FindTool(name) is not null, $"needs the program '{name}'");

    /// <summary>Where a program is; Apptainer also where <c>OVERLAYTOOLS_APPTAINER</c> says.</summary>
    public static string? FindTool(string name)
    {
        if (name == "apptainer" && Environment.GetEnvironmentVariable("OVERLAYTOOLS_APPTAINER") is { Length: > 0 } named)
            return File.Exists(named) ? named : null;
        return (Environment.GetEnvironmentVariable("PATH") + ":/usr/sbin:/sbin")
            .Split(':', StringSplitOptions.RemoveEmptyEntries)
            .Select(directory => Path.Combine(directory, name))
            .FirstOrDefault(File.Exists);
    }

    /// <summary>Where Apptainer is.</summary>
    public static string NeedApptainer()
    {
        NeedTool("apptainer");
        return FindTool("apptainer")!;
    }

    /// <summary>The folder of facts beside the checkout, for the developers only.</summary>
    public static string NeedShared(string relative)
    {
        var path = Path.GetFullPath(Path.Combine(RepositoryRoot, "..", "shared", relative));
        Assert.SkipUnless(Path.Exists(path), $"needs ../shared/{relative}, which only the developers have");
        return path;
    }

    /// <summary>Runs a program and waits for it; standard output and error are returned.</summary>
    public static (int ExitCode, string Output, string Error) Run(string program, params string[] arguments) =>
        RunWith(program, arguments, null, null);

    public static (int ExitCode, string Output, string Error) RunWith(
        string program, IEnumerable<string> arguments, string? input, string? directory,
        params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(FindTool(program) ?? program)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = directory ?? Directory.GetCurrentDirectory(),
        };
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        start.Environment["LC_ALL"] = "C";
        using var process = Process.Start(start)!;
        process.StandardInput.Write(input);
        process.StandardInput.Close();
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.Result);
    }

    private static string FindRepositoryRoot()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (directory is not null && !File.Exists(Path.Combine(directory.FullName, "OverlayTools.slnx")))
            directory = directory.Parent;
        return directory?.FullName ?? throw new InvalidOperationException("The tests run outside the repository.");
    }
}
