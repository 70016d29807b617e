using System.Management.Automation;
using System.Reflection;

namespace OverlayTools.Host;

/// <summary>What the program says about itself.</summary>
internal static class Usage
{
    public const string Text = """
        Usage: overlaytools-host [-File] <path> [argument...]
               overlaytools-host -Command { - | <string> [argument...] }
               overlaytools-host

        Runs PowerShell scripts with the OverlayTools module loaded, on machines without pwsh. The engine comes without
        the Utility and Management modules: there are the language, .NET, native programs and the cmdlets of OverlayTools.

          -File, -f         Run a script file; what follows are its parameters. Exits with the script's `exit` code.
          -Command, -c      Run the rest of the command line, or standard input if that is `-`. Exits with 1 if the last
                            statement failed.
          -NonInteractive   Fail instead of asking.
          -NoLogo           Start the prompt without a greeting.
          -NoProfile        Accepted for the sake of scripts written for pwsh; there are no profiles.
          -Version, -v      Show the versions of the module's host and of the engine.
          -Help, -h, -?     Show this text.

        Without arguments it is a prompt, or runs the script on standard input if that is not a terminal.
        OVERLAYTOOLS_MODULE names the module manifest if it is not beside the program. NO_COLOR turns colours off.
        """;

    public static string Version => $"overlaytools-host {OwnVersion} (PowerShell engine {EngineVersion})";

    public static string EngineVersion { get; } = InformationalVersion(typeof(PSObject).Assembly);

    public static string OwnVersion { get; } = InformationalVersion(typeof(Usage).Assembly);

    private static string InformationalVersion(Assembly assembly)
    {
        var version = assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "?";
        return version.Split(' ', '+')[0];
    }
}
