using OverlayTools.Ext;

namespace OverlayTools.Overlays;

/// <summary>The content of a new overlay image: <c>upper</c> and <c>work</c>, and what the user wants below
/// <c>upper</c>.</summary>
public static class OverlayTree
{
    /// <summary>Permissions of the directories when none are asked for: 0755 in octal.</summary>
    public const uint DefaultPermissions = 0x1ED;

    /// <summary>The root directory (owner 0:0) with <c>upper</c>, <c>work</c> and the asked-for directories.</summary>
    /// <param name="userId">Owner of everything below the root.</param>
    /// <param name="groupId">Group of everything below the root.</param>
    /// <param name="directories">Absolute paths as in the container, for example <c>/var/cache/nginx</c>; their
    /// parents are made too.</param>
    /// <param name="permissions">Permissions of everything below the root.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.InvalidDirectoryName"/> for a path that is relative or
    /// empty,
    /// has a component <c>..</c>, a NUL, or a component of more than 255 bytes.</exception>
    public static ExtNode Create(uint userId, uint groupId, IEnumerable<string> directories, uint permissions = DefaultPermissions)
    {
        var root = ExtNode.Directory(DefaultPermissions, 0, 0);
        var upper = root.Add("upper", ExtNode.Directory(permissions, userId, groupId));
        root.Add("work", ExtNode.Directory(permissions, userId, groupId));
        foreach (var path in directories)
        {
            var parent = upper;
            foreach (var name in Components(path))
                parent = parent.Find(name) ?? parent.Add(name, ExtNode.Directory(permissions, userId, groupId));
        }

        return root;
    }

    // By component, never by string prefix: "/../upper2" starts with the right letters and is outside.
    private static List<ExtName> Components(string path)
    {
        if (!path.StartsWith('/'))
            throw Invalid(path, "it is not an absolute path");
        var names = new List<ExtName>();
        foreach (var component in path.Split('/'))
        {
            if (component is "" or ".")
                continue;
            if (component == "..")
                throw Invalid(path, "'..' may lead outside");
            try
            {
                names.Add(new ExtName(component));
            }
            catch (EngineException error) when (error.ErrorId == ErrorIds.InvalidDirectoryName)
            {
                throw Invalid(path, error.Message);
            }
        }

        return names;
    }

    private static EngineException Invalid(string path, string why) =>
        new(ErrorIds.InvalidDirectoryName, $"'{path.Replace('\0', '\uFFFD')}' cannot be created in the overlay: {why}",
            "Give absolute paths as they are seen in the container, for example /var/cache/nginx.", path);
}
