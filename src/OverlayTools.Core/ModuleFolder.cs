using System.Diagnostics.CodeAnalysis;

namespace OverlayTools;

/// <summary>Where the files of the module are.</summary>
internal static class ModuleFolder
{
    /// <summary>The path of a file or folder of the module: beside the engine or, of the engine that was compiled for this
    /// processor, one folder further up.</summary>
    /// <param name="name">Its name.</param>
    /// <returns>A path, whether there is something or not.</returns>
    [UnconditionalSuppressMessage("SingleFile", "IL3000", Justification = "The module is files in a folder.")]
    public static string PathOf(string name)
    {
        var engine = Path.GetDirectoryName(typeof(ModuleFolder).Assembly.Location) ?? string.Empty;
        var beside = Path.Combine(engine, name);
        return Path.Exists(beside) ? beside : Path.Combine(Path.GetDirectoryName(engine) ?? engine, name);
    }
}
