using System.Management.Automation;
using System.Runtime.InteropServices;
using System.Runtime.Loader;

namespace OverlayTools.Loader;

/// <summary>
/// Loads the engine in the form that was compiled ahead for this processor, where the module has one: a session's first
/// calls then do not wait for the just-in-time compiler. It has the same identity as the portable one, which PowerShell
/// would load when the cmdlets ask for it, and which is what there is on any other processor.
/// </summary>
public sealed class CompiledEngine : IModuleAssemblyInitializer
{
    private const string Engine = "OverlayTools.Core";

    /// <summary>Runs when the module is imported, before its cmdlets are looked at.</summary>
    public void OnImport()
    {
        var path = PathIn(Path.GetDirectoryName(typeof(CompiledEngine).Assembly.Location) ?? string.Empty);
        // Compiled for Linux: any other system has to take the portable one. To try is no way: a name that could not be
        // loaded once is not looked for again.
        if (OperatingSystem.IsLinux() && !IsLoaded() && File.Exists(path))
            _ = AssemblyLoadContext.Default.LoadFromAssemblyPath(path);
    }

    /// <summary>Where the engine for this processor is, in the folder of the module's assemblies.</summary>
    public static string PathIn(string folder) => Path.Combine(
        folder, RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant(), Engine + ".dll");

    private static bool IsLoaded() =>
        AssemblyLoadContext.Default.Assemblies.Any(loaded => loaded.GetName().Name == Engine);
}
