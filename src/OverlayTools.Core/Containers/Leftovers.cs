using System.Globalization;
using OverlayTools.Native;

namespace OverlayTools.Containers;

/// <summary>
/// Ends what a container leaves behind when its supervisor was killed: processes that still live among its mounts, and
/// so keep its overlay busy and its lock held.
/// </summary>
internal static class Leftovers
{
    private const int Rounds = 50;
    private const int PauseMilliseconds = 20;

    /// <summary>Kills every process, visible to this user, in whose mount table the session directory appears.</summary>
    public static void Kill(string sessionDirectory)
    {
        for (var round = 0; round < Rounds; round++)
        {
            var left = Directory.EnumerateDirectories("/proc").Where(process => LivesIn(process, sessionDirectory)).ToList();
            if (left.Count == 0)
                return;
            foreach (var process in left)
            {
                // FUSE programs got SIGTERM when the supervisor died, and are still writing what they have.
                if (!IsFuseProgram(process))
                    Processes.Signal(int.Parse(Path.GetFileName(process), CultureInfo.InvariantCulture), Processes.Kill);
            }

            Thread.Sleep(PauseMilliseconds);
        }
    }

    /// <summary>Removes session directories of this user whose engine and supervisor were both killed. One that is in use is
    /// locked; to remove it would take the mounts away from the container.</summary>
    /// <param name="parent">The directory that they are in.</param>
    public static void Sweep(string parent)
    {
        try
        {
            foreach (var path in Directory.EnumerateDirectories(parent, "overlaytools-*").Where(SessionDirectory.IsNameOfOne))
                RemoveUnused(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Whoever runs next has another try.
        }
    }

    private static void RemoveUnused(string path)
    {
        using var directory = Open.TryFile(path, Open.ReadOnly | Open.Directory | Open.NoFollow, 0, out _);
        if (directory is null || Statx.Of(directory, path).UserId != User.EffectiveId() || Flock.Try(directory, exclusive: true) != 0)
            return;
        try
        {
            Directory.Delete(path);
        }
        catch (IOException)
        {
            // Not empty: not what it seemed.
        }
    }

    private static bool LivesIn(string process, string sessionDirectory) =>
        int.TryParse(Path.GetFileName(process), NumberStyles.None, CultureInfo.InvariantCulture, out var id)
        && id != Environment.ProcessId
        && Read(process, "mountinfo").Contains(sessionDirectory, StringComparison.Ordinal);

    private static bool IsFuseProgram(string process)
    {
        var name = Read(process, "comm").TrimEnd('\n');
        return name.StartsWith("squashfuse", StringComparison.Ordinal) || name is "fuse2fs" or "fuse-overlayfs";
    }

    private static string Read(string process, string file)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, file));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return string.Empty; // ended meanwhile, or another user's
        }
    }
}
