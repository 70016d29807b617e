using System.Text.Json;
using OverlayTools.Native;

namespace OverlayTools.Containers.Instances;

/// <summary>
/// The user's instances on this machine, as files: a directory for each, with its record and the pipe by which it is
/// told to end. Homes are often shared by many machines, so each has a directory of its own.
/// </summary>
internal sealed class InstanceStore
{
    private const string RecordName = "instance.json";
    private const string PipeName = "control";
    private const string LogDirectory = "logs";
    private const string RunningDirectory = "running";
    private const int LargestRecord = 1 << 22;
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private readonly string _root;

    private InstanceStore(string root) => _root = root;

    /// <summary>The store of the calling user on this machine.</summary>
    public static InstanceStore Open() =>
        new(Path.Combine(StateDirectory(), "overlaytools", "instances", Environment.MachineName));

    /// <summary>Which run of this machine it is.</summary>
    public static string BootId => File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();

    /// <summary>Where the record of an instance is.</summary>
    public string DirectoryOf(string name) => Path.Combine(_root, RunningDirectory, name);

    /// <summary>The log of an instance.</summary>
    /// <param name="name">The instance.</param>
    /// <param name="extension"><c>out</c> or <c>err</c>.</param>
    public string LogOf(string name, string extension) => Path.Combine(_root, LogDirectory, $"{name}.{extension}");

    /// <summary>The pipe of an instance.</summary>
    /// <param name="directory">Where its record is.</param>
    public static string PipeOf(string directory) => Path.Combine(directory, PipeName);

    /// <summary>Makes the directories, for their owner alone.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.AccessDenied"/> when they are somebody else's.</exception>
    public void Prepare()
    {
        Directory.CreateDirectory(_root, OwnerOnly);
        Directory.CreateDirectory(Path.Combine(_root, RunningDirectory), OwnerOnly);
        Directory.CreateDirectory(Path.Combine(_root, LogDirectory), OwnerOnly);
        CheckOwner();
    }

    /// <summary>Takes a name. The record appears at once and complete, or, when the name is taken, not at all.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.InstanceExists"/>.</exception>
    public void Reserve(InstanceRecord record)
    {
        var target = DirectoryOf(record.Name);
        var temporary = Path.Combine(_root, RunningDirectory, $".{record.Name}.{Guid.NewGuid():N}");
        Directory.CreateDirectory(temporary, OwnerOnly);
        try
        {
            Save(temporary, record);
            Fifo.Make(PipeOf(temporary), 0b110_000_000);
            while (!TryRename(temporary, target))
            {
                // Nobody answers for one that has ended without putting away its things.
                var other = Find(record.Name);
                if (other is not null && !IsGone(other))
                    throw new EngineException(ErrorIds.InstanceExists, $"There is an instance '{record.Name}' already.",
                        $"Choose another name, or stop that one: Stop-ContainerInstance {record.Name}", record.Name);
                Remove(record.Name, other);
            }
        }
        catch
        {
            Directory.Delete(temporary, recursive: true);
            throw;
        }
    }

    /// <summary>Replaces the record in a directory.</summary>
    public static void Save(string directory, InstanceRecord record)
    {
        var temporary = Path.Combine(directory, $".{RecordName}.{Environment.ProcessId}");
        using (var file = Native.Open.File(temporary, Native.Open.WriteOnly | Native.Open.Create | Native.Open.NoFollow, 0b110_000_000))
            RandomAccess.Write(file, JsonSerializer.SerializeToUtf8Bytes(record, InstanceJson.Default.InstanceRecord), 0);
        File.Move(temporary, Path.Combine(directory, RecordName), overwrite: true);
    }

    /// <summary>The record of an instance; null when there is none that can be read.</summary>
    public InstanceRecord? Find(string name) => Read(DirectoryOf(name));

    /// <summary>All records, by name.</summary>
    public IEnumerable<InstanceRecord> All()
    {
        var running = Path.Combine(_root, RunningDirectory);
        if (!Directory.Exists(running))
            return [];
        CheckOwner();
        return Directory.EnumerateDirectories(running)
            .Where(directory => !Path.GetFileName(directory).StartsWith('.'))
            .Order(StringComparer.Ordinal)
            .Select(Read)
            .OfType<InstanceRecord>();
    }

    /// <summary>Whether none of the processes is left that keep an instance and write its overlays.</summary>
    public static bool IsGone(InstanceRecord record) =>
        record.BootId != BootId || (!record.Keeper.IsAlive() && !record.Supervisor.IsAlive());

    /// <summary>Puts away the record of an instance; its logs stay.</summary>
    /// <param name="name">The instance.</param>
    /// <param name="known">Its record: a later instance of that name is not meant.</param>
    public void Remove(string name, InstanceRecord? known)
    {
        var aside = Path.Combine(_root, RunningDirectory, $".{name}.{Guid.NewGuid():N}");
        try
        {
            Rename.File(DirectoryOf(name), aside, replace: true);
        }
        catch (LinuxException error) when (error.ErrorNumber == Errno.ENOENT)
        {
            return; // somebody else did it
        }

        if (Read(aside) is { } found && found.Started != known?.Started && TryRename(aside, DirectoryOf(name)))
            return;
        RemoveDirectory(aside);
    }

    /// <summary>Puts away a record.</summary>
    public static void RemoveDirectory(string directory)
    {
        try
        {
            Directory.Delete(directory, recursive: true);
        }
        catch (DirectoryNotFoundException)
        {
            // Somebody else did it.
        }
    }

    private static bool TryRename(string from, string to)
    {
        try
        {
            // A directory replaces none that holds something; RENAME_NOREPLACE, not everybody knows.
            Rename.File(from, to, replace: true);
            return true;
        }
        catch (LinuxException error) when (error.ErrorNumber is Errno.EEXIST or Errno.ENOTEMPTY)
        {
            return false;
        }
    }

    private static InstanceRecord? Read(string directory)
    {
        try
        {
            var path = Path.Combine(directory, RecordName);
            return new FileInfo(path).Length > LargestRecord
                ? null
                : JsonSerializer.Deserialize(File.ReadAllBytes(path), InstanceJson.Default.InstanceRecord);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or JsonException)
        {
            return null; // it has ended meanwhile
        }
    }

    // Whoever could write here could have us signal, and join, what he likes.
    private void CheckOwner()
    {
        using var handle = Native.Open.File(_root, Native.Open.PathOnly | Native.Open.Directory | Native.Open.NoFollow);
        var status = Statx.Of(handle, _root);
        if (status.UserId != User.EffectiveId() || (status.Permissions & 0b010_010) != 0)
            throw new EngineException(ErrorIds.AccessDenied, $"'{_root}' belongs to somebody else, or others may write to it.",
                "Remove it, or let XDG_STATE_HOME name a directory of your own.", _root);
    }

    private static string StateDirectory()
    {
        if (Environment.GetEnvironmentVariable("XDG_STATE_HOME") is { } state && Path.IsPathRooted(state))
            return state;
        if (PasswordEntry.Find(User.EffectiveId())?.Home is { Length: > 1 } home && Directory.Exists(home))
            return Path.Combine(home, ".local", "state");
        if (Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR") is { } runtime && Path.IsPathRooted(runtime))
            return runtime;
        throw new EngineException(ErrorIds.AccessDenied, "You have no home directory in which instances could be remembered.",
            "Let XDG_STATE_HOME name a directory of your own.");
    }
}
