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
    /// <param name="permissions">Permissions of <c>upper</c>, <c>work</c> and the directories.</param>
    /// <param name="content">A directory whose content goes into <c>upper</c>, with its time and attributes; its owner
    /// and mode do not, since <c>upper</c> has to be its user's. Null for none.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.InvalidDirectoryName"/> for a path that is relative or
    /// empty, leads through a file of the content,
    /// has a component <c>..</c>, a NUL, or a component of more than 255 bytes.</exception>
    public static ExtNode Create(
        uint userId, uint groupId, IEnumerable<string> directories, uint permissions = DefaultPermissions, ExtNode? content = null)
    {
        var root = ExtNode.Directory(DefaultPermissions, 0, 0);
        var upper = root.Add("upper", content is null
            ? ExtNode.Directory(permissions, userId, groupId)
            : ExtNode.Directory(permissions, userId, groupId, content.Modified, WithoutLists(content.Attributes)));
        foreach (var (name, child) in content?.Children ?? [])
            upper.Add(name, child);
        root.Add("work", ExtNode.Directory(permissions, userId, groupId));
        foreach (var path in directories)
        {
            var parent = upper;
            foreach (var name in Components(path))
            {
                parent = parent.Find(name) ?? parent.Add(name, ExtNode.Directory(permissions, userId, groupId));
                if (parent.Type != ExtFileType.Directory)
                    throw Invalid(path, $"'{name}' is a file of the source.");
            }
        }

        return root;
    }

    // An access control list is a part of the mode.
    private static Dictionary<string, byte[]> WithoutLists(IReadOnlyDictionary<string, byte[]> attributes) =>
        attributes.Where(pair => !pair.Key.StartsWith("system.", StringComparison.Ordinal))
            .ToDictionary(pair => pair.Key, pair => pair.Value, StringComparer.Ordinal);

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
