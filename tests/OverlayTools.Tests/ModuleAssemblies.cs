using System.Runtime.CompilerServices;
using System.Runtime.Loader;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests;

/// <summary>
/// Finds the module's assemblies in the module folder, where importing the manifest finds them too: a second copy
/// beside the tests would make types that look alike and are not.
/// </summary>
internal static class ModuleAssemblies
{
    [ModuleInitializer]
    internal static void UseModuleFolder() => AssemblyLoadContext.Default.Resolving += (context, name) =>
    {
        var path = Path.Combine(Machine.ModuleBin, $"{name.Name}.dll");
        return File.Exists(path) ? context.LoadFromAssemblyPath(path) : null;
    };
}
