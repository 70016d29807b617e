using System.Collections;
using OverlayTools.Native;
using OverlayTools.Overlays;

namespace OverlayTools.Containers;

/// <summary>Asks the machine for the facts that a plan is made from.</summary>
internal static class Machine
{
    public static MachineFacts ReadFacts()
    {
        var userId = User.EffectiveId();
        var entry = PasswordEntry.Find(userId);
        var name = entry?.Name ?? userId.ToString(System.Globalization.CultureInfo.InvariantCulture);
        return new MachineFacts
        {
            UserId = userId,
            GroupId = User.EffectiveGroupId(),
            UserName = name,
            FullName = entry?.FullName ?? string.Empty,
            Home = entry?.Home,
            SubordinateUserIds = SubordinateIds.Read("/etc/subuid", name, userId),
            SubordinateGroupIds = SubordinateIds.Read("/etc/subgid", name, userId),
            Groups = [.. User.Groups().Append(User.EffectiveGroupId()).Distinct()
                .Select(id => GroupEntry.Find(id)).OfType<GroupEntry>().Select(group => new GroupName(group.GroupId, group.Name))],
            MayMount = Capabilities.MayMount(),
            FileModeMask = FileModeMask.Read(),
            Terminal = TerminalOf(0) ?? TerminalOf(1) ?? TerminalOf(2),
            FindFakeRoot = FakeRootSearch.Find,
            FindHelper = helper => helper.Find(),
            Environment = Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
                .ToDictionary(pair => (string)pair.Key, pair => (string?)pair.Value ?? string.Empty, StringComparer.Ordinal),
            IsDirectory = path => Directory.Exists(path) ? true : File.Exists(path) ? false : null,
        };
    }

    private static string? TerminalOf(int descriptor)
    {
        var path = File.ResolveLinkTarget($"/proc/self/fd/{descriptor}", returnFinalTarget: false)?.FullName;
        return path is not null
            && (path.StartsWith("/dev/pts/", StringComparison.Ordinal) || path.StartsWith("/dev/tty", StringComparison.Ordinal))
            ? path
            : null;
    }
}
