using System.Text;
using Microsoft.Win32.SafeHandles;
using OverlayTools.Containers;
using OverlayTools.Native;

namespace OverlayTools.Init;

/// <summary>Has the container's own shell run the image's environment scripts, and asks what they exported.</summary>
internal static class ImageEnvironment
{
    private const string Shell = "/bin/sh";
    /// <summary>Where the scripts' result is written to.</summary>
    public const int ResultDescriptor = 3;

    private const int LeastDescriptor = 100;

    // The scripts of converted docker images may set a PATH without the standard directories: Apptainer adds them.
    private const string Script = """
        if [ -d /.singularity.d/env ]; then
            for overlaytools_file in /.singularity.d/env/*.sh; do
                if [ -f "$overlaytools_file" ]; then . "$overlaytools_file"; fi
                case $overlaytools_file in
                    */10-docker*)
                        for overlaytools_directory in /usr/local/sbin /usr/local/bin /usr/sbin /usr/bin /sbin /bin; do
                            case ":$PATH:" in
                                *":$overlaytools_directory:"*) ;;
                                *) PATH=$PATH:$overlaytools_directory ;;
                            esac
                        done
                        unset overlaytools_directory ;;
                esac
            done
            unset overlaytools_file
        elif [ -f /environment ]; then
            . /environment
        fi
        export -p >&3
        """;

    /// <summary>The command that writes what the scripts export to <see cref="ResultDescriptor"/>; null when the image has
    /// none, or no shell.</summary>
    /// <param name="exists">Whether a path is in the container.</param>
    public static IReadOnlyList<string>? Command(Func<string, bool> exists) =>
        (exists("/.singularity.d/env") || exists("/environment")) && exists(Shell) ? [Shell, "-c", Script] : null;

    /// <summary>What the scripts exported; null when the image has none, or no shell.</summary>
    public static IReadOnlyDictionary<string, string>? Read(EnvironmentPlan plan)
    {
        if (Command(Path.Exists) is not { } command)
            return null;
        var (reader, writer) = Descriptors.Pipe();
        using var result = reader;
        using var input = Open.TryFile("/dev/null", Open.ReadOnly, 0, out _);
        var descriptors = new List<(int, int)>();
        int shell;
        using (writer)
        using (var high = Descriptors.DuplicateAbove(writer.DangerousGetHandle().ToInt32(), LeastDescriptor))
        using (var nothing = input is null ? null : Descriptors.DuplicateAbove(input.DangerousGetHandle().ToInt32(), LeastDescriptor))
        {
            descriptors.Add((high.DangerousGetHandle().ToInt32(), ResultDescriptor));
            // The command's input is not for the scripts.
            if (nothing is not null)
                descriptors.Add((nothing.DangerousGetHandle().ToInt32(), 0));
            shell = Spawn.Program(Shell, command, Variables(plan), descriptors);
        }

        return Parse(result, () => Processes.Wait(shell, block: true)?.ExitCode);
    }

    /// <summary>What the scripts see of the environment.</summary>
    public static IReadOnlyList<string> Variables(EnvironmentPlan plan) =>
        [.. plan.Own.Select(variable => $"{variable.Key}={variable.Value}")];

    /// <summary>Reads the result to its end.</summary>
    /// <param name="result">What the command writes to.</param>
    /// <param name="wait">Waits for the command, and returns its exit code.</param>
    public static IReadOnlyDictionary<string, string>? Parse(SafeFileHandle result, Func<int?> wait)
    {
        using var stream = new StreamReader(new FileStream(result, FileAccess.Read, bufferSize: 0), Encoding.UTF8);
        var text = stream.ReadToEnd();
        var exitCode = wait();
        if (text.Length > 0)
            return ShellExports.Parse(text);
        StatusChannel.Warn($"The image's environment scripts ended with exit code {exitCode}; their variables are not set.");
        return null;
    }
}
