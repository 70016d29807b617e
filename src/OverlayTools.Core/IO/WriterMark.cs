using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;
using OverlayTools.Native;

namespace OverlayTools.IO;

/// <summary>
/// What a container of ours leaves on an image while it writes it: who it is. A lock says so only to those who can look
/// into the process; the mark can be read from every node that shares the file. It is an extended attribute; where the
/// file system has none, there is no mark.
/// </summary>
/// <param name="Host">The node's name.</param>
/// <param name="ProcessId">The process there that watches over the container.</param>
/// <param name="UserName">Who runs it.</param>
/// <param name="SlurmJobId">Its Slurm job, or null.</param>
/// <param name="Since">When it began.</param>
public sealed record WriterMark(string Host, int ProcessId, string? UserName, string? SlurmJobId, DateTimeOffset Since)
{
    private const string AttributeName = "user.overlaytools.writer";
    private const int MostBytes = 1024;

    /// <summary>Whether the writer it names is gone: on this node there is no such process, or nobody holds the lock.
    /// </summary>
    public bool IsStale { get; init; }

    /// <summary>Puts the mark on a file.</summary>
    /// <param name="file">The file; opened for its path is enough.</param>
    /// <param name="offset">Where the overlay starts in it: one file may have several.</param>
    /// <param name="processId">The process that watches over the container.</param>
    /// <returns>What was put there; null where that cannot be done, which is no reason not to write.</returns>
    internal static byte[]? Put(SafeFileHandle file, long offset, int processId)
    {
        var user = User.EffectiveId();
        var text = new StringBuilder()
            .Append(CultureInfo.InvariantCulture, $"host={Environment.MachineName}\npid={processId}\n")
            .Append(CultureInfo.InvariantCulture, $"since={DateTimeOffset.UtcNow:yyyy-MM-ddTHH:mm:ssZ}\n")
            .Append(CultureInfo.InvariantCulture, $"user={PasswordEntry.Find(user)?.Name ?? user.ToString(CultureInfo.InvariantCulture)}\n");
        if (Environment.GetEnvironmentVariable("SLURM_JOB_ID") is { Length: > 0 } job)
            text.Append(CultureInfo.InvariantCulture, $"job={job}\n");
        var bytes = Encoding.UTF8.GetBytes(text.ToString());
        return bytes.Length <= MostBytes && ExtendedAttributes.TrySet(file, NameFor(offset), bytes) == 0 ? bytes : null;
    }

    /// <summary>Takes the mark off, unless the next writer has put another in its place.</summary>
    internal static void Remove(SafeFileHandle file, long offset, ReadOnlySpan<byte> mark)
    {
        if (ExtendedAttributes.TryGet(file, NameFor(offset), MostBytes) is { } found && mark.SequenceEqual(found))
            ExtendedAttributes.TryRemove(file, NameFor(offset));
    }

    /// <summary>Reads the mark.</summary>
    /// <returns>Null when there is none, or it is of another form.</returns>
    internal static WriterMark? Read(SafeFileHandle file, long offset)
    {
        if (ExtendedAttributes.TryGet(file, NameFor(offset), MostBytes) is not { } bytes)
            return null;
        // Whoever can write the file can put anything here.
        var values = Encoding.UTF8.GetString(bytes).Split('\n')
            .Select(line => line.Split('=', 2)).Where(pair => pair.Length == 2)
            .DistinctBy(pair => pair[0]).ToDictionary(pair => pair[0], pair => PrintableText.Show(Encoding.UTF8.GetBytes(pair[1])));
        if (!values.TryGetValue("host", out var host) || host.Length == 0
            || !int.TryParse(values.GetValueOrDefault("pid"), NumberStyles.None, CultureInfo.InvariantCulture, out var process)
            || !DateTimeOffset.TryParse(values.GetValueOrDefault("since"), CultureInfo.InvariantCulture,
                DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var since))
            return null;
        var mark = new WriterMark(host, process, values.GetValueOrDefault("user"), values.GetValueOrDefault("job"), since);
        return mark with { IsStale = mark.IsOfThisHost && !Directory.Exists($"/proc/{process.ToString(CultureInfo.InvariantCulture)}") };
    }

    /// <summary>Whether an attribute is a mark.</summary>
    internal static bool IsNameOfOne(string attribute) => attribute.StartsWith(AttributeName, StringComparison.Ordinal);

    private bool IsOfThisHost => string.Equals(Host, Environment.MachineName, StringComparison.OrdinalIgnoreCase);

    /// <summary>For example <c>host n12, process 4711, user ana, Slurm job 42, since 2026-11-24 15:00:00Z</c>.</summary>
    public override string ToString() =>
        $"host {Host}, process {ProcessId}"
        + (UserName is null ? "" : $", user {UserName}")
        + (SlurmJobId is null ? "" : $", Slurm job {SlurmJobId}")
        + string.Create(CultureInfo.InvariantCulture, $", since {Since.UtcDateTime:u}")
        + (IsStale ? " (stale: that process has ended)" : "");

    private static string NameFor(long offset) =>
        offset == 0 ? AttributeName : AttributeName + "." + offset.ToString(CultureInfo.InvariantCulture);
}
