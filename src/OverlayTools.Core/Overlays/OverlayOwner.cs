using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using OverlayTools.Native;

namespace OverlayTools.Overlays;

/// <summary>Who owns the files of an overlay: the ids that stand in its file system.</summary>
/// <param name="UserId">The user; the highest 32-bit number is nobody's (<c>chown(2)</c> takes it for "leave").</param>
/// <param name="GroupId">The group, likewise.</param>
public sealed record OverlayOwner(uint UserId, uint GroupId)
{
    private const uint NoId = uint.MaxValue;

    /// <summary>Root, whom <c>-FakeRoot</c> needs.</summary>
    public static OverlayOwner Root { get; } = new(0, 0);

    /// <summary>Who runs this process.</summary>
    public static OverlayOwner Caller => new(User.EffectiveId(), User.EffectiveGroupId());

    /// <summary>Reads <c>USER:GROUP</c>, <c>USER:</c> or <c>USER</c>, each a number or a name that this system knows.
    /// Digits are always a number. Without a group it is the user's primary one; a user that this system does not
    /// know has the group of the same number, as is the custom.</summary>
    /// <param name="text">The owner as a user types it.</param>
    /// <param name="owner">The ids.</param>
    /// <param name="hindrance">What is wrong, in a sentence.</param>
    public static bool TryParse(
        string text, [NotNullWhen(true)] out OverlayOwner? owner, [NotNullWhen(false)] out string? hindrance)
    {
        owner = null;
        hindrance = null;
        var parts = text.Trim().Split(':');
        if (parts.Length > 2 || parts[0].Length == 0)
        {
            hindrance = $"'{text}' is no owner. Give USER or USER:GROUP, as names or numbers, for example 1000:1000.";
            return false;
        }

        var group = parts.Length == 2 && parts[1].Length > 0 ? parts[1] : null;
        if (!TryFindUser(parts[0], out var userId, out var primary, out hindrance))
            return false;
        var groupId = primary ?? userId;
        if (group is not null && !TryFindGroup(group, out groupId, out hindrance))
            return false;
        owner = new OverlayOwner(userId, groupId);
        return true;
    }

    /// <summary><c>1000:1000</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{UserId}:{GroupId}");

    private static bool TryFindUser(string user, out uint id, out uint? primary, [NotNullWhen(false)] out string? hindrance)
    {
        primary = null;
        if (IsNumber(user))
        {
            if (!TryReadId(user, "user", out id, out hindrance))
                return false;
            primary = PasswordEntry.Find(id)?.GroupId;
            return true;
        }

        var entry = PasswordEntry.Find(user);
        (id, primary) = (entry?.UserId ?? 0, entry?.GroupId);
        hindrance = entry is null ? $"There is no user '{user}' on this system. Give the id as a number." : null;
        return hindrance is null;
    }

    private static bool TryFindGroup(string group, out uint id, [NotNullWhen(false)] out string? hindrance)
    {
        if (IsNumber(group))
            return TryReadId(group, "group", out id, out hindrance);
        var entry = GroupEntry.Find(group);
        id = entry?.GroupId ?? 0;
        hindrance = entry is null ? $"There is no group '{group}' on this system. Give the id as a number." : null;
        return hindrance is null;
    }

    private static bool IsNumber(string text) => text.All(char.IsAsciiDigit);

    private static bool TryReadId(string text, string what, out uint id, [NotNullWhen(false)] out string? hindrance)
    {
        var isId = uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out id) && id != NoId;
        hindrance = isId ? null : $"{text} is no {what} id: the highest is {NoId - 1}.";
        return isId;
    }
}
