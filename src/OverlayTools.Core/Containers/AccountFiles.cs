using System.Globalization;

namespace OverlayTools.Containers;

/// <summary>Puts the container's user into the text of the image's <c>/etc/passwd</c> and <c>/etc/group</c>
/// (<c>passwd(5)</c>, <c>group(5)</c>).</summary>
public static class AccountFiles
{
    private const int PasswordFields = 7;

    /// <summary>The password file: an entry of the user's id gets name, comment and home directory (root's only the home
    /// directory), otherwise there is a new line.</summary>
    /// <param name="text">The image's file.</param>
    /// <param name="account">The user.</param>
    public static string Passwords(string text, AccountPlan account)
    {
        var lines = Lines(text);
        var id = Number(account.UserId);
        var index = lines.FindIndex(line => line.Split(':') is { Length: PasswordFields } fields && fields[2] == id);
        if (index < 0)
        {
            lines.Add($"{Field(account.UserName)}:x:{id}:{Number(account.GroupId)}:{Field(account.FullName)}:{Field(account.Home)}:/bin/sh");
        }
        else
        {
            var fields = lines[index].Split(':');
            if (account.UserId != 0)
                (fields[0], fields[4]) = (Field(account.UserName), Field(account.FullName));
            fields[5] = Field(account.Home);
            lines[index] = string.Join(':', fields);
        }

        return Join(lines);
    }

    /// <summary>The group file, with a line for each group that it does not know by its id.</summary>
    /// <param name="text">The image's file.</param>
    /// <param name="account">The user.</param>
    public static string Groups(string text, AccountPlan account)
    {
        var lines = Lines(text);
        foreach (var group in account.Groups)
        {
            var id = Number(group.Id);
            if (!lines.Exists(line => line.Split(':') is { Length: >= 3 } fields && fields[2] == id))
                lines.Add($"{Field(group.Name)}:x:{id}:{Field(account.UserName)}");
        }

        return Join(lines);
    }

    private static List<string> Lines(string text) => [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries)];

    private static string Join(List<string> lines) => string.Join('\n', lines) + "\n";

    private static string Number(uint id) => id.ToString(CultureInfo.InvariantCulture);

    // A name from a directory service must not start a field or line of its own.
    private static string Field(string text) => text.Replace(':', '_').Replace('\n', '_');
}
