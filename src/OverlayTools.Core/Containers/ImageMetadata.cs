using System.Text;

namespace OverlayTools.Containers;

/// <summary>The files that Apptainer looks for inside an image.</summary>
internal static class ImageMetadata
{
    /// <summary>Their directory, at the root.</summary>
    public const string Directory = ".singularity.d";

    private const string ShellLine = "#!/bin/sh\n";

    /// <summary>The files to put into the directory: name, permissions, bytes.</summary>
    public static IReadOnlyList<(string Name, uint Permissions, byte[] Bytes)> Files(SifBuild build)
    {
        var files = new List<(string, uint, byte[])>();
        if (build.RunScript is { } script)
            files.Add(("runscript", 0b111_101_101, Encoding.UTF8.GetBytes(Complete(script))));
        if (build.Definition is { } definition)
            files.Add(("Singularity", 0b110_100_100, definition));
        return files;
    }

    private static string Complete(string script)
    {
        var lines = script.ReplaceLineEndings("\n");
        if (!lines.StartsWith("#!", StringComparison.Ordinal))
            lines = ShellLine + lines;
        return lines.EndsWith('\n') ? lines : lines + "\n";
    }
}
