using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.Loader;

namespace OverlayTools;

/// <summary>
/// Loads the libraries that ship with the module from <c>deps</c> beside this assembly, into a context of their own:
/// another module in the same session may have another version of the same library loaded, and neither sees the
/// other's.
/// </summary>
internal static class ModuleDependency
{
    private const string Name = "deps";

    private static readonly Lazy<DependencyContext> s_context = new(() => new DependencyContext(Folder));

    /// <summary>Where the libraries and what they need are.</summary>
    internal static string Folder => ModuleFolder.PathOf(Name);

    /// <summary>Makes an object of a type in a library.</summary>
    /// <exception cref="FileNotFoundException">The library is not beside the module.</exception>
    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = "Only the module asks; it is not trimmed.")]
    [UnconditionalSuppressMessage("Trimming", "IL2072", Justification = "Only the module asks; it is not trimmed.")]
    public static object Load(string assembly, string type) => Activator.CreateInstance(
        s_context.Value.LoadFromAssemblyName(new AssemblyName(assembly)).GetType(type, throwOnError: true)!)!;

    private sealed class DependencyContext(string folder) : AssemblyLoadContext("OverlayTools.Dependencies")
    {
        [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = "As above.")]
        protected override Assembly? Load(AssemblyName assemblyName)
        {
            // The interface has to be the engine's own; a second copy of the engine would have another one.
            var engine = typeof(ModuleDependency).Assembly;
            if (assemblyName.Name == engine.GetName().Name)
                return engine;
            var path = Path.Combine(folder, $"{assemblyName.Name}.dll");
            return File.Exists(path) ? LoadFromAssemblyPath(path) : null;
        }
    }
}
