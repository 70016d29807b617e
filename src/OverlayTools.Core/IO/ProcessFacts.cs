using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using OverlayTools.Native;

namespace OverlayTools.IO;

/// <summary>What <c>/proc/PID</c> tells about a process, as far as this user may see it.</summary>
internal static partial class ProcessFacts
{
    private const int MostText = 4096;
    private const int MostEnvironment = 1 << 20;

    /// <summary>Completes a user of an image with what is known of its process.</summary>
    public static ImageUser Describe(ImageUser user, int processId)
    {
        // The directory in /proc belongs to root where the process may not be looked into; the status tells.
        var status = Encoding.UTF8.GetString(Read(processId, "status", MostText));
        return user with
        {
            ProcessId = processId,
            ParentProcessId = Number(ParentLine(), status) is { } parent ? (int)parent : null,
            ProcessName = NameOf(processId),
            UserName = Number(UserLine(), status) is { } id
                ? PasswordEntry.Find(id)?.Name ?? id.ToString(CultureInfo.InvariantCulture)
                : null,
            SlurmJobId = SlurmJobOf(processId),
            CommandLine = CommandLineOf(processId),
        };
    }

    /// <summary>The process's name; a question mark when it has ended.</summary>
    public static string NameOf(int processId) =>
        Read(processId, "comm", MostText) is { Length: > 0 } name ? PrintableText.Show(name.AsSpan().TrimEnd((byte)'\n')) : "?";

    /// <summary>The arguments, each as the process got it; empty for a kernel thread or one that has ended.</summary>
    public static string[] ArgumentsOf(int processId) =>
        Encoding.UTF8.GetString(Read(processId, "cmdline", MostText)).Split('\0', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>When the process was started, in ticks since the machine was (<c>/proc/PID/stat</c>, field 22); null when
    /// there is none, or it is a zombie.</summary>
    public static ulong? StartTimeOf(int processId)
    {
        var stat = Encoding.UTF8.GetString(Read(processId, "stat", MostText));
        // The second field is the name in parentheses, and may itself hold spaces and parentheses.
        var fields = stat.LastIndexOf(") ", StringComparison.Ordinal) is >= 0 and var end ? stat[(end + 2)..].Split(' ') : [];
        return fields.Length > 19 && fields[0] is not ("Z" or "X")
            && ulong.TryParse(fields[19], NumberStyles.None, CultureInfo.InvariantCulture, out var ticks)
            ? ticks
            : null;
    }

    /// <summary>The Slurm job of a process, by its environment or its control group.</summary>
    public static string? SlurmJobOf(int processId)
    {
        var environment = Read(processId, "environ", MostEnvironment);
        for (ReadOnlySpan<byte> rest = environment; !rest.IsEmpty;)
        {
            var end = rest.IndexOf((byte)0);
            var variable = end < 0 ? rest : rest[..end];
            rest = end < 0 ? [] : rest[(end + 1)..];
            if (variable.StartsWith("SLURM_JOB_ID="u8))
                return Job(variable["SLURM_JOB_ID=".Length..]);
        }

        // Every user may read this: .../slurmstepd.scope/job_42/step_0/... or /slurm/uid_1000/job_42/...
        var groups = Encoding.UTF8.GetString(Read(processId, "cgroup", MostText));
        return JobGroup().Match(groups) is { Success: true } found ? found.Groups["job"].Value : null;
    }

    /// <summary>The start of a file below <c>/proc</c>; empty when it cannot be read.</summary>
    public static byte[] Read(int processId, string name, int most)
    {
        using var file = Open.TryFile(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/{name}"), Open.ReadOnly, 0, out _);
        if (file is null)
            return [];
        var buffer = new byte[Math.Min(most, 4096)];
        var length = 0;
        try
        {
            while (length < most)
            {
                if (length == buffer.Length)
                    Array.Resize(ref buffer, Math.Min(most, buffer.Length * 2));
                var count = RandomAccess.Read(file, buffer.AsSpan(length), length);
                if (count == 0)
                    break;
                length += count;
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // It has ended meanwhile, or is another user's.
        }

        return buffer[..length];
    }

    /// <summary>Fills the buffer from a file below <c>/proc</c>, in one reading.</summary>
    /// <returns>Bytes that were read; 0 when it cannot be read.</returns>
    public static int ReadOnce(int processId, string name, Span<byte> buffer)
    {
        using var file = Open.TryFile(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/{name}"), Open.ReadOnly, 0, out _);
        try
        {
            return file is null ? 0 : RandomAccess.Read(file, buffer, 0);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return 0; // it has ended meanwhile, or is another user's
        }
    }

    private static string? Job(ReadOnlySpan<byte> value) =>
        value.Length is > 0 and <= 32 ? PrintableText.Show(value) : null;

    private static uint? Number(Regex line, string status) =>
        uint.TryParse(line.Match(status).Groups["number"].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;

    private static string? CommandLineOf(int processId)
    {
        var raw = Read(processId, "cmdline", MostText);
        if (raw.Length == 0)
            return null;
        raw.AsSpan().Replace((byte)0, (byte)' ');
        return PrintableText.Show(raw).TrimEnd();
    }

    [GeneratedRegex(@"/job_(?<job>\d{1,20})(/|\s|$)")]
    private static partial Regex JobGroup();

    [GeneratedRegex(@"^PPid:\s+(?<number>\d+)", RegexOptions.Multiline)]
    private static partial Regex ParentLine();

    [GeneratedRegex(@"^Uid:\s+(?<number>\d+)", RegexOptions.Multiline)]
    private static partial Regex UserLine();
}
