namespace OverlayTools.Host;

/// <summary>Where the module is.</summary>
internal static class ModuleLocation
{
    private const string ManifestName = "OverlayTools.psd1";
    private const string Variable = "OVERLAYTOOLS_MODULE";

    /// <summary>
    /// The module's manifest: named by the environment, else above the program, beside the folder <c>bin</c>.
    /// </summary>
    /// <exception cref="StartException">There is none.</exception>
    public static string Find()
    {
        var named = Environment.GetEnvironmentVariable(Variable);
        return string.IsNullOrEmpty(named) ? SearchUpward() : Named(Path.GetFullPath(named));
    }

    private static string Named(string path)
    {
        var manifest = Directory.Exists(path) ? Path.Combine(path, ManifestName) : path;
        if (File.Exists(manifest))
            return manifest;
        throw new StartException($"There is no module manifest '{manifest}', which the variable {Variable} names. "
            + $"Let it name the file {ManifestName}, or unset it.");
    }

    private static string SearchUpward()
    {
        for (var place = new DirectoryInfo(AppContext.BaseDirectory); place is not null; place = place.Parent)
        {
            var manifest = Path.Combine(place.FullName, ManifestName);
            if (File.Exists(manifest) && Directory.Exists(Path.Combine(place.FullName, "bin")))
                return manifest;
        }

        throw new StartException(
            $"The module manifest {ManifestName} is in no folder above '{AppContext.BaseDirectory}'. "
            + $"Let the variable {Variable} name it.");
    }
}
