using System.Globalization;
using System.Runtime.InteropServices;
using OverlayTools.Native;
using OverlayTools.Overlays;

namespace OverlayTools.Containers.Engines;

/// <summary>Looks at this machine.</summary>
internal static class EngineFactsReader
{
    private static readonly string[] s_fileSystems = ["overlay", "squashfs", "ext3", "ext4", "fuse"];

    /// <summary>What a normal run has to know: which programs are there, and what the kernel lets this user do. Takes
    /// some milliseconds, most of them for the namespaces.</summary>
    public static EngineFacts ReadEssentials() => Read(withVersions: false);

    /// <summary>Everything; asks each program for its version.</summary>
    public static EngineFacts ReadAll()
    {
        var apptainer = Task.Run(() => ForeignEngineReader.Read("apptainer"));
        var singularity = Task.Run(() => ForeignEngineReader.Read("singularity"));
        return Read(withVersions: true) with { Apptainer = apptainer.Result, Singularity = singularity.Result };
    }

    /// <summary>Who the user is, and nothing else.</summary>
    public static EngineFacts ReadIdentity()
    {
        var userId = User.EffectiveId();
        return new EngineFacts
        {
            UserId = userId,
            UserName = userId.ToString(CultureInfo.InvariantCulture),
            CanAdminister = Capabilities.MayMount(),
            KernelRelease = string.Empty,
        };
    }

    /// <summary>Where our program in the namespaces is.</summary>
    public static string InitPath
    {
        get
        {
            try
            {
                return InitProgram.Find();
            }
            catch (Exception error) when (error is EngineException or IOException or UnauthorizedAccessException)
            {
                return ModuleFolder.PathOf(InitProtocol.ProgramName); // said by the judgement
            }
        }
    }

    private static EngineFacts Read(bool withVersions)
    {
        var userId = User.EffectiveId();
        var name = PasswordEntry.Find(userId)?.Name ?? userId.ToString(CultureInfo.InvariantCulture);
        var init = ReadInit(withVersions);
        var programs = NativeCapabilities.Programs
            .AsParallel()
            .Select(helper => (Name: helper.Names[0], Facts: ReadProgram(helper, withVersions)))
            .ToList();
        var mayMount = Capabilities.MayMount();
        var userNamespace = init is null || (userId == 0 && mayMount && !withVersions)
            ? null
            : Try(init.Path, "userxattr", "--user", "--map-root-user", "--mount");
        return new EngineFacts
        {
            UserId = userId,
            UserName = name,
            CanAdminister = mayMount,
            KernelRelease = ReadText("/proc/sys/kernel/osrelease") ?? RuntimeInformation.OSDescription,
            Packages = Packages.ToolOf(ReadLines("/etc/os-release")),
            MaximumUserNamespaces = ReadNumber("/proc/sys/user/max_user_namespaces"),
            UnprivilegedUserNamespaces = ReadNumber("/proc/sys/kernel/unprivileged_userns_clone"),
            AppArmorRestriction = ReadNumber("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
            UserNamespace = userNamespace,
            MountNamespace = init is null || userId != 0 || !mayMount ? null : Try(init.Path, string.Empty, "--mount"),
            SubordinateUserIds = SubordinateIds.Read("/etc/subuid", name, userId),
            SubordinateGroupIds = SubordinateIds.Read("/etc/subgid", name, userId),
            FuseError = OpenError("/dev/fuse"),
            LoopError = OpenError("/dev/loop-control"),
            LoopDevices = Directory.Exists("/sys/block") ? Directory.EnumerateDirectories("/sys/block", "loop*").Count() : 0,
            FileSystems = ReadFileSystems(),
            Programs = programs.Where(pair => pair.Facts is not null).ToDictionary(pair => pair.Name, pair => pair.Facts!),
            Init = init,
        };
    }

    private static ProgramFacts? ReadInit(bool run)
    {
        var path = InitPath;
        if (FileSystemStatus.Check(path, FileSystemStatus.Execute) != 0)
            return null;
        // Without arguments it says that it is not for people; a program of another machine, or C library, does not start.
        if (run && ProbeProgram.Run(path)?.ExitCode != InitProtocol.FailureExitCode)
            return null;
        return new ProgramFacts(path, typeof(EngineFactsReader).Assembly.GetName().Version?.ToString(3), RunsAsRoot: false);
    }

    private static ProgramFacts? ReadProgram(HelperProgram helper, bool withVersion)
    {
        if (helper.Find() is not { } path)
            return null;
        string? version = null;
        if (withVersion && VersionArgument(helper) is { } argument && ProbeProgram.Run(path, argument) is { } said)
            version = ProbeProgram.VersionIn(Path.GetFileName(path), said.Output + "\n" + said.Error);
        return new ProgramFacts(path, version, RunsAsRoot(path));
    }

    private static string? VersionArgument(HelperProgram helper) => helper.Names[^1] switch
    {
        "newuidmap" or "newgidmap" => null, // they have none
        "fuse2fs" or "e2fsck" => "-V",
        "fakeroot" => "-v",
        "mksquashfs" or "sqfstar" => "-version",
        _ => "--version",
    };

    /// <summary>Whether root's set-user-id bit, or a file capability, raises whoever runs a program.</summary>
    public static bool RunsAsRoot(string path)
    {
        using var file = Open.TryFile(path, Open.ReadOnly | Open.NonBlock, 0, out _);
        if (file is not null && ExtendedAttributes.TryGet(file, "security.capability", 64) is { Length: > 0 })
            return true;
        return IsSetuidRoot(path);
    }

    /// <summary>Whether a program is root's and has the set-user-id bit.</summary>
    public static bool IsSetuidRoot(string path)
    {
        using var file = Open.TryFile(path, Open.PathOnly, 0, out _);
        return file is not null && Statx.Of(file, path) is { UserId: 0 } status && (status.Mode & 0b100_000_000_000) != 0;
    }

    private static NamespaceTrial Try(string init, string overlayOptions, params string[] namespaces)
    {
        if (HelperProgram.Unshare.Find() is not { } unshare)
            return new NamespaceTrial("'unshare' is not installed");
        var directory = SessionDirectory.Choose();
        SessionDirectory.Create(directory);
        try
        {
            var said = ProbeProgram.Run(unshare, [.. namespaces, "--", init, InitProtocol.TrialMode, directory, overlayOptions]);
            return Understand(said);
        }
        finally
        {
            DeleteTree(directory);
        }
    }

    // overlayfs leaves a directory that nobody may read below its work directory.
    private static void DeleteTree(string directory)
    {
        var scratch = directory + "/disk/work/work";
        try
        {
            if (Directory.Exists(scratch))
                File.SetUnixFileMode(scratch, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            Directory.Delete(directory, recursive: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // A few empty files in the temporary directory are no reason not to answer.
        }
    }

    /// <summary>Understands what the trial printed.</summary>
    internal static NamespaceTrial Understand((int ExitCode, string Output, string Error)? said)
    {
        if (said is not { } result)
            return new NamespaceTrial("the trial did not end");
        var steps = result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split(' '))
            .Where(words => words.Length == 2 && int.TryParse(words[1], CultureInfo.InvariantCulture, out _))
            .ToDictionary(words => words[0], words => int.Parse(words[1], CultureInfo.InvariantCulture));
        if (result.ExitCode != 0 || !steps.TryGetValue(InitProtocol.TmpfsStep, out var tmpfs))
        {
            var text = result.Error.Trim();
            return new NamespaceTrial(text.Length > 0 ? text : $"exit code {result.ExitCode}");
        }

        return new NamespaceTrial(null, tmpfs, steps.GetValueOrDefault(InitProtocol.OverlayStep), steps.GetValueOrDefault(InitProtocol.ReplaceStep));
    }

    private static HashSet<string> ReadFileSystems()
    {
        var found = ReadLines("/proc/filesystems").Select(line => line.Split('\t')[^1]).ToHashSet(StringComparer.Ordinal);
        var missing = s_fileSystems.Where(name => !found.Contains(name)).ToList();
        if (missing.Count == 0)
            return found;
        // Not loaded yet: the kernel loads a module when the first mount asks for it.
        var modules = "/lib/modules/" + ReadText("/proc/sys/kernel/osrelease");
        foreach (var line in ReadLines(modules + "/modules.dep").Concat(ReadLines(modules + "/modules.builtin")))
            found.UnionWith(missing.Where(name => line.Contains($"/{name}.ko", StringComparison.Ordinal)));
        return found;
    }

    private static int OpenError(string path)
    {
        using var file = Open.TryFile(path, Open.ReadWrite, 0, out var errno);
        return file is null ? errno : 0;
    }

    private static long? ReadNumber(string path) =>
        long.TryParse(ReadText(path), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

    private static string? ReadText(string path)
    {
        try
        {
            return File.ReadAllText(path).Trim();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null; // this kernel has no such thing
        }
    }

    private static string[] ReadLines(string path)
    {
        try
        {
            return File.ReadAllLines(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
