using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.Loader;

namespace OverlayTools.Sif.Signatures;

/// <summary>
/// Loads the cryptography that ships with the module from <c>deps</c> beside this assembly, into a context of its own:
/// another module in the same session may have another version of the same library loaded, and neither sees the
/// other's.
/// </summary>
internal static class SignatureLibrary
{
    private const string AssemblyName = "OverlayTools.Signatures";
    private const string TypeName = "OverlayTools.Signatures.BouncyCastleLibrary";

    private static readonly Lazy<ISignatureLibrary> s_instance = new(Load);

    /// <summary>The library, loaded at the first use.</summary>
    /// <exception cref="FileNotFoundException">It is not beside the module.</exception>
    public static ISignatureLibrary Instance => s_instance.Value;

    /// <summary>Where the library and what it needs are.</summary>
    [UnconditionalSuppressMessage("SingleFile", "IL3000", Justification = "The module is files in a folder.")]
    internal static string Folder =>
        Path.Combine(Path.GetDirectoryName(typeof(SignatureLibrary).Assembly.Location) ?? "", "deps");

    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = "Only the module verifies; it is not trimmed.")]
    [UnconditionalSuppressMessage("Trimming", "IL2072", Justification = "Only the module verifies; it is not trimmed.")]
    private static ISignatureLibrary Load()
    {
        var assembly = new DependencyContext(Folder).LoadFromAssemblyName(new AssemblyName(AssemblyName));
        return (ISignatureLibrary)Activator.CreateInstance(assembly.GetType(TypeName, throwOnError: true)!)!;
    }

    private sealed class DependencyContext(string folder) : AssemblyLoadContext("OverlayTools.Signatures")
    {
        [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = "As above.")]
        protected override Assembly? Load(AssemblyName assemblyName)
        {
            // The interface has to be the engine's own; a second copy of the engine would have another one.
            var engine = typeof(SignatureLibrary).Assembly;
            if (assemblyName.Name == engine.GetName().Name)
                return engine;
            var path = Path.Combine(folder, $"{assemblyName.Name}.dll");
            return File.Exists(path) ? LoadFromAssemblyPath(path) : null;
        }
    }
}
