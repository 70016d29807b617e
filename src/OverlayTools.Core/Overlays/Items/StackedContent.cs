using System.Text;
using OverlayTools.Ext;

namespace OverlayTools.Overlays;

/// <summary>
/// Several layers as a container sees them: of each name the uppermost file, and directories merged, as far as no layer
/// hides what is below. It holds the names of one directory in memory. Files of a layer's own bookkeeping are not seen.
/// What the kernel's <c>redirect_dir</c> and <c>metacopy</c> left in a layer is followed: a renamed directory goes on in the
/// layers below under its old name, and so does the content of a file of which only the metadata were copied up.
/// </summary>
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

    /// <summary>Where a file is: its layer, and of a directory all further layers that have a part of it; of a file whose
    /// content is below, where that is.</summary>
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
        var places = new List<(int Layer, OverlayEntry Entry)>();
        AddWithBelow(places, parts, found.Part, name, entry);
        return entry with { Parent = directory, Number = (ulong)layer << 56 | entry.Number, Source = new Place(places) };
    }

    public override IReadOnlyDictionary<string, byte[]> Attributes(OverlayEntry entry) => Ask(entry, static (layer, own) => layer.Attributes(own));

    public override byte[] Target(OverlayEntry link) => Ask(link, static (layer, own) => layer.Target(own));

    public override Stream OpenFile(OverlayEntry file)
    {
        var (layer, own) = ((Place)file.Source!).Parts[^1];
        return _layers[layer].OpenFile(own);
    }

    public override ExtNode Read(OverlayEntry entry, CancellationToken token) => new ContentReader(this, static (_, _) => null, token).Read(entry);

    private protected override void Dispose(bool disposing)
    {
        if (!disposing)
            return;
        foreach (var layer in _layers)
            layer.Dispose();
    }

    // A file, and what it needs of the layers below: of a directory its parts there, of a file its content.
    private void AddWithBelow(
        List<(int Layer, OverlayEntry Entry)> places, IReadOnlyList<(int Layer, OverlayEntry Entry)> parts, int part, ExtName name, OverlayEntry entry)
    {
        var layer = parts[part].Layer;
        places.Add((layer, entry));
        if (IsBase(layer) || entry.Type is not (ExtFileType.Directory or ExtFileType.RegularFile))
            return;
        var attributes = _layers[layer].Attributes(entry);
        var goesOn = entry.Type == ExtFileType.Directory ? !IsOpaque(layer, entry, attributes) : OverlayLinks.IsMetadataOnly(attributes);
        if (!goesOn)
            return;
        switch (OverlayLinks.Redirect(attributes))
        {
            case null:
                AddBelow(places, parts, part + 1, name, entry.Type);
                break;
            case ['/', ..] path:
                AddFromTop(places, layer + 1, path, entry.Type);
                break;
            case var other when NameOf(other) is { } oldName:
                AddBelow(places, parts, part + 1, oldName, entry.Type);
                break;
        }
    }

    // The parts of a directory, or the content of a file, in the layers below, until one hides the rest or has another kind
    // of file.
    private void AddBelow(
        List<(int Layer, OverlayEntry Entry)> places, IReadOnlyList<(int Layer, OverlayEntry Entry)> parts, int from, ExtName name, ExtFileType type)
    {
        for (var part = from; part < parts.Count; part++)
        {
            var (layer, above) = parts[part];
            if (_layers[layer].Find(above, name) is { } entry)
            {
                if (entry.Type == type)
                    AddWithBelow(places, parts, part, name, entry);
                return;
            }

            if (!IsBase(layer) && OverlayMarks.FileFor(name) is { } mark && _layers[layer].Find(above, mark) is not null)
                return;
        }
    }

    private void AddFromTop(List<(int Layer, OverlayEntry Entry)> places, int layer, string path, ExtFileType type)
    {
        List<(int Layer, OverlayEntry Entry)> parts = [.. _layers.Select((content, index) => (index, content.Root)).Skip(layer)];
        var names = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        for (var i = 0; i < names.Length; i++)
        {
            if (NameOf(names[i]) is not { } name)
                return;
            var found = new List<(int Layer, OverlayEntry Entry)>();
            AddBelow(found, parts, 0, name, i == names.Length - 1 ? type : ExtFileType.Directory);
            parts = found;
        }

        places.AddRange(parts);
    }

    // Nobody but the kernel should have written the attribute, but anybody may have.
    private static ExtName? NameOf(string text) =>
        text is "" or "." or ".." || text.Contains('/') || text.Contains('\0') || Encoding.UTF8.GetByteCount(text) > ExtName.MaxLength
            ? default(ExtName?)
            : new ExtName(text);

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

    private bool IsOpaque(int layer, OverlayEntry directory, IReadOnlyDictionary<string, byte[]> attributes) =>
        OverlayMarks.Of(_layers[layer], directory, attributes).Meaning == OverlayItemMeaning.OpaqueDirectory;

    // What looks like a mark in the base is a file like others.
    private bool IsBase(int layer) => layer == _layers.Count - 1;

    private T Ask<T>(OverlayEntry entry, Func<OverlayContent, OverlayEntry, T> question)
    {
        var (layer, own) = ((Place)entry.Source!).Parts[0];
        return question(_layers[layer], own);
    }

}
