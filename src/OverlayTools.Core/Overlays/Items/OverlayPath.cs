using OverlayTools.Ext;

namespace OverlayTools.Overlays;

/// <summary>A path in an overlay as the user typed it, by component: a name, or a pattern.</summary>
internal sealed class OverlayPath
{
    private readonly string _text;
    private readonly List<(string Text, Predicate<string>? Pattern)> _components = [];

    /// <param name="text">As in the container, with or without a slash at its start.</param>
    /// <param name="pattern">Gives the test for a component with wildcards, and null for one without; null: all are
    /// names.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.InvalidDirectoryName"/> for a path that may lead
    /// outside.</exception>
    public OverlayPath(string text, Func<string, Predicate<string>?>? pattern = null)
    {
        _text = text;
        foreach (var component in text.Split('/'))
        {
            if (component is "" or ".")
                continue;
            if (component == "..")
                throw Invalid("'..' may lead outside");
            if (component.Contains('\0'))
                throw Invalid("it has a NUL");
            _components.Add((component, pattern?.Invoke(component)));
        }
    }

    /// <summary>Whether it stands for the root of the overlay.</summary>
    public bool IsRoot => _components.Count == 0;

    /// <summary>Whether it can stand for any number of items.</summary>
    public bool HasPattern => _components.Exists(component => component.Pattern is not null);

    /// <summary>The last name.</summary>
    public ExtName LastName => new(_components[^1].Text);

    /// <summary>The names above the last one.</summary>
    public IEnumerable<ExtName> Directories => _components.SkipLast(1).Select(component => new ExtName(component.Text));

    /// <summary>The paths of the directories above it, with slashes at their starts.</summary>
    public IEnumerable<string> Above => Enumerable.Range(1, Math.Max(0, _components.Count - 1))
        .Select(count => "/" + string.Join('/', _components.Take(count).Select(component => component.Text)));

    /// <summary>How many names it has.</summary>
    public int Depth => _components.Count;

    /// <summary>Whether a name may stand at a place of the path.</summary>
    /// <param name="depth">The place, counted from 0; behind the last one every name may.</param>
    /// <param name="name">The name.</param>
    public bool Allows(int depth, ExtName name)
    {
        if (depth >= _components.Count)
            return true;
        var (text, pattern) = _components[depth];
        var shown = OverlayEntry.Show(name);
        return shown == text || name.ToString() == text || pattern?.Invoke(shown) == true;
    }

    /// <summary>All names.</summary>
    public IEnumerable<ExtName> Names => _components.Select(component => new ExtName(component.Text));

    /// <summary>What it stands for, in order. A name that exists as it was typed is meant itself, whatever characters
    /// are in it.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFileNotFound"/> when it is no pattern and there is
    /// none.</exception>
    public IEnumerable<OverlayEntry> Resolve(OverlayContent content, CancellationToken token)
    {
        IEnumerable<OverlayEntry> found = [content.Root];
        foreach (var component in _components)
        {
            found = found.Where(entry => entry.Type == ExtFileType.Directory)
                .SelectMany(entry => Match(content, entry, component, token));
        }

        var any = false;
        foreach (var entry in found)
        {
            any = true;
            yield return entry;
        }

        if (!any && !HasPattern)
            throw NotFound(content.Path);
    }

    /// <summary>The error that there is no such item.</summary>
    public EngineException NotFound(string image) => new(ErrorIds.OverlayItemNotFound,
        $"There is no '{_text}' in the overlay '{image}'.",
        "Get-OverlayItem lists what there is: what a container changed, not what its image has. Links are not followed.", _text);

    private static IEnumerable<OverlayEntry> Match(
        OverlayContent content, OverlayEntry directory, (string Text, Predicate<string>? Pattern) component, CancellationToken token)
    {
        if (IsName(component.Text) && content.Find(directory, new ExtName(component.Text)) is { } exact)
            return [exact];
        return content.List(directory).Where(entry =>
        {
            token.ThrowIfCancellationRequested();
            var shown = OverlayEntry.Show(entry.Name);
            return component.Pattern is { } pattern ? pattern(shown) : shown == component.Text;
        });
    }

    private static bool IsName(string text) => System.Text.Encoding.UTF8.GetByteCount(text) <= ExtName.MaxLength;

    private EngineException Invalid(string why) => new(ErrorIds.InvalidDirectoryName,
        $"'{_text.Replace('\0', '\uFFFD')}' is no path in an overlay: {why}.",
        "Give a path as it is seen in the container, for example /etc/hosts.", _text);
}
