using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using OverlayTools.IO;
using OverlayTools.Native;

namespace OverlayTools.Containers;

/// <summary>The native program of the module, and what it is given to read.</summary>
internal static class InitProgram
{
    private const UnixFileMode Executable = UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    /// <summary>Where it is: in the module's folder, or this very process.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.RuntimeNotFound"/>.</exception>
    [UnconditionalSuppressMessage("SingleFile", "IL3000", Justification = "Without a location, this is the program itself.")]
    public static string Find()
    {
        var path = typeof(InitProgram).Assembly.Location.Length == 0
            ? Environment.ProcessPath ?? string.Empty
            : ModuleFolder.PathOf(InitProtocol.ProgramName);
        if (!File.Exists(path))
            throw new EngineException(ErrorIds.RuntimeNotFound, $"'{path}' is missing.",
                "Build or install the module again: the program is part of it.", path);
        return FileSystemStatus.Check(path, FileSystemStatus.Execute) == 0 ? path : MakeExecutable(path);
    }

    // A package of a gallery keeps no permissions. Whoever may not give them to the module's file has a copy.
    private static string MakeExecutable(string path)
    {
        try
        {
            File.SetUnixFileMode(path, File.GetUnixFileMode(path) | Executable);
            return path;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return CopyOf(path);
        }
    }

    private static string CopyOf(string path)
    {
        var content = File.ReadAllBytes(path);
        var cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } given
            ? given
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
        var folder = Path.Combine(cache, "overlaytools");
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var copy = Path.Combine(folder, $"{InitProtocol.ProgramName}-{Convert.ToHexString(SHA256.HashData(content))[..16]}");
        if (File.Exists(copy) && File.ReadAllBytes(copy).AsSpan().SequenceEqual(content))
            return copy;
        using var file = AtomicFile.Create(copy, 0b111_000_000, force: true);
        RandomAccess.Write(file.Handle, content, 0);
        file.Commit(replace: true);
        return copy;
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
