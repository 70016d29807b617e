using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Loader;

namespace OverlayTools.Benchmarks;

/// <summary>The module folder that a build fills, where this process finds the module's assemblies.</summary>
internal static class ModuleAssemblies
{
    public static string RepositoryRoot { get; } = FindRepositoryRoot();

    public static string Folder => Path.Combine(RepositoryRoot, "bin");

    public static string Manifest => Path.Combine(RepositoryRoot, "OverlayTools.psd1");

    /// <summary>The configuration that the assemblies in the module folder were built with, <c>Release</c> or
    /// <c>Debug</c>.</summary>
    public static string Configuration() => string.Join('/', new[] { "OverlayTools", "OverlayTools.Core" }
        .Select(name => Assembly.LoadFrom(Path.Combine(Folder, name + ".dll"))
            .GetCustomAttribute<AssemblyConfigurationAttribute>()?.Configuration)
        .Distinct());

    [ModuleInitializer]
    internal static void UseModuleFolder() => AssemblyLoadContext.Default.Resolving += (context, name) =>
    {
        // The engine as a session gets it: compiled ahead for this processor, where the build did that.
        var found = new[] { Path.Combine(Folder, Processor), Folder }
            .Select(folder => Path.Combine(folder, name.Name + ".dll")).FirstOrDefault(File.Exists);
        return found is null ? null : context.LoadFromAssemblyPath(found);
    };

    private static string Processor => RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant();

    private static string FindRepositoryRoot()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (directory is not null && !File.Exists(Path.Combine(directory.FullName, "OverlayTools.slnx")))
            directory = directory.Parent;
        return directory?.FullName ?? throw new InvalidOperationException("The benchmarks run outside the repository.");
    }
}
