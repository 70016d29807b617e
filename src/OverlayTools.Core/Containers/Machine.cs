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
            FindHelper = helper => helper.Find(),
            Environment = Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
                .ToDictionary(pair => (string)pair.Key, pair => (string?)pair.Value ?? string.Empty, StringComparer.Ordinal),
            IsDirectory = path => Directory.Exists(path) ? true : File.Exists(path) ? false : null,
        };
    }
}
