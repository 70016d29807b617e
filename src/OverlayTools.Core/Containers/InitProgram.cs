using System.Diagnostics.CodeAnalysis;
using Microsoft.Win32.SafeHandles;
using OverlayTools.Native;

namespace OverlayTools.Containers;

/// <summary>The native program of the module, and what it is given to read.</summary>
internal static class InitProgram
{
    /// <summary>Where it is: beside this assembly, or this very process.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.RuntimeNotFound"/>.</exception>
    [UnconditionalSuppressMessage("SingleFile", "IL3000", Justification = "Without a location, this is the program itself.")]
    public static string Find()
    {
        var assembly = typeof(InitProgram).Assembly.Location;
        var path = assembly.Length == 0
            ? Environment.ProcessPath ?? string.Empty
            : Path.Combine(Path.GetDirectoryName(assembly) ?? string.Empty, InitProtocol.ProgramName);
        return File.Exists(path)
            ? path
            : throw new EngineException(ErrorIds.RuntimeNotFound, $"'{path}' is missing.",
                "Build or install the module again: the program is part of it.", path);
    }

    /// <summary>An anonymous file with a plan, for the program to inherit.</summary>
    public static SafeFileHandle Write(byte[] plan)
    {
        var file = Descriptors.Memory("overlaytools-plan");
        RandomAccess.Write(file, plan, 0);
        return file;
    }

    /// <summary>Reads a whole file that was inherited, wherever its owner has read up to.</summary>
    public static byte[] Read(SafeFileHandle file)
    {
        var bytes = new byte[RandomAccess.GetLength(file)];
        for (var done = 0; done < bytes.Length;)
        {
            var count = RandomAccess.Read(file, bytes.AsSpan(done), done);
            if (count == 0)
                break;
            done += count;
        }

        return bytes;
    }
}
