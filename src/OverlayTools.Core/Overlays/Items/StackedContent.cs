using OverlayTools.Ext;

namespace OverlayTools.Overlays;

/// <summary>
/// Several layers as a container sees them: of each name the uppermost file, and directories merged, as far as no layer
/// hides what is below. It holds the names of one directory in memory. Files of a layer's own bookkeeping are not seen.
/// </summary>
/// <remarks>What the kernel's <c>redirect_dir</c> and <c>metacopy</c> left in a layer is not followed.</remarks>
internal sealed class StackedContent : OverlayContent
{
    private readonly IReadOnlyList<OverlayContent> _layers;
    private (OverlayEntry Directory, SortedList<ExtName, Found> Names)? _listed;

    /// <param name="layers">From the uppermost down to the base; they are closed with this.</param>
    public StackedContent(IReadOnlyList<OverlayContent> layers)
        : base(layers[^1].Path, layers[^1].Id)
    {
        _layers = layers;
        Root = layers[0].Root with { Source = new Place([.. layers.Select((layer, index) => (index, layer.Root))]) };
    }

    /// <summary>Where a file is: its layer, and of a directory all further layers that have a part of it.</summary>
    private sealed record Place(IReadOnlyList<(int Layer, OverlayEntry Entry)> Parts);

    /// <summary>A name, where it was found: the part of the directory, and what the layer calls it.</summary>
    private readonly record struct Found(int Part, OverlayName Name);

    public override OverlayEntry Root { get; }

    public override IEnumerable<OverlayName> Names(OverlayEntry directory) =>
        Listed(directory).Select(pair => new OverlayName(pair.Key, 0));

    public override OverlayEntry Entry(OverlayEntry directory, OverlayName name) =>
        Find(directory, name.Name) ?? throw new EngineException(ErrorIds.IOFailed, $"'{name.Name}' was there just now.", null, Path);

    public override OverlayEntry? Find(OverlayEntry directory, ExtName name)
    {
        if (!Listed(directory).TryGetValue(name, out var found))
            return null;
        var parts = ((Place)directory.Source!).Parts;
        var (layer, above) = parts[found.Part];
        var entry = _layers[layer].Entry(above, found.Name);
        var places = new List<(int Layer, OverlayEntry Entry)> { (layer, entry) };
        if (entry.Type == ExtFileType.Directory && !IsOpaque(layer, entry))
            AddBelow(places, parts, found.Part + 1, name);
        return entry with { Parent = directory, Number = (ulong)layer << 56 | entry.Number, Source = new Place(places) };
    }

    public override IReadOnlyDictionary<string, byte[]> Attributes(OverlayEntry entry) => Ask(entry, static (layer, own) => layer.Attributes(own));

    public override byte[] Target(OverlayEntry link) => Ask(link, static (layer, own) => layer.Target(own));

    public override Stream OpenFile(OverlayEntry file) => Ask(file, static (layer, own) => layer.OpenFile(own));

    public override ExtNode Read(OverlayEntry entry, CancellationToken token) => new ContentReader(this, static (_, _) => null, token).Read(entry);

    private protected override void Dispose(bool disposing)
    {
        if (!disposing)
            return;
        foreach (var layer in _layers)
            layer.Dispose();
    }

    // The parts of a directory in the layers below, until one hides the rest or has another kind of file.
    private void AddBelow(List<(int Layer, OverlayEntry Entry)> places, IReadOnlyList<(int Layer, OverlayEntry Entry)> parts, int from, ExtName name)
    {
        foreach (var (layer, above) in parts.Skip(from))
        {
            if (_layers[layer].Find(above, name) is not { } entry)
            {
                if (IsBase(layer) || OverlayMarks.FileFor(name) is not { } mark || _layers[layer].Find(above, mark) is null)
                    continue;
                return;
            }

            if (entry.Type != ExtFileType.Directory)
                return;
            places.Add((layer, entry));
            if (IsOpaque(layer, entry))
                return;
        }
    }

    private SortedList<ExtName, Found> Listed(OverlayEntry directory)
    {
        if (_listed is { } listed && ReferenceEquals(listed.Directory, directory))
            return listed.Names;
        var names = new SortedList<ExtName, Found>(ExtName.ByBytes);
        var hidden = new HashSet<ExtName>();
        var parts = ((Place)directory.Source!).Parts;
        for (var part = 0; part < parts.Count; part++)
            AddNames(names, hidden, parts[part], part);
        _listed = (directory, names);
        return names;
    }

    private void AddNames(SortedList<ExtName, Found> names, HashSet<ExtName> hidden, (int Layer, OverlayEntry Entry) place, int part)
    {
        var layer = _layers[place.Layer];
        var marked = new List<ExtName>();
        foreach (var name in layer.Names(place.Entry))
        {
            if (!IsBase(place.Layer) && OverlayMarks.IsOpaqueName(name.Name))
                continue;
            if (!IsBase(place.Layer) && OverlayMarks.HiddenByName(name.Name) is { } mark)
                marked.Add(mark);
            else if (hidden.Contains(name.Name))
                continue;
            else if (!IsBase(place.Layer) && layer.Entry(place.Entry, name).IsWhiteoutDevice)
                marked.Add(name.Name);
            else
                names.TryAdd(name.Name, new Found(part, name));
        }

        hidden.UnionWith(marked.Where(name => !names.ContainsKey(name)));
    }

    private bool IsOpaque(int layer, OverlayEntry directory) => !IsBase(layer)
        && OverlayMarks.Of(_layers[layer], directory, _layers[layer].Attributes(directory)).Meaning == OverlayItemMeaning.OpaqueDirectory;

    // What looks like a mark in the base is a file like others.
    private bool IsBase(int layer) => layer == _layers.Count - 1;

    private T Ask<T>(OverlayEntry entry, Func<OverlayContent, OverlayEntry, T> question)
    {
        var (layer, own) = ((Place)entry.Source!).Parts[0];
        return question(_layers[layer], own);
    }

}
