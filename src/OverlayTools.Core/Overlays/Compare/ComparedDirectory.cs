using System.Text;
using OverlayTools.Ext;

namespace OverlayTools.Overlays;

/// <summary>A directory of an overlay and the base's of the same path, gone through together by their names.</summary>
/// <param name="overlay">The overlay.</param>
/// <param name="entry">The directory in it.</param>
/// <param name="lower">The base; null when there is none.</param>
/// <param name="below">The base's directory of the same path; null when it has none.</param>
/// <param name="origin">The base's directory that the overlay's lies on: another one when it was renamed.</param>
internal sealed class ComparedDirectory(
    OverlayContent overlay, OverlayEntry entry, OverlayContent? lower, OverlayEntry? below, OverlayEntry? origin)
{
    private readonly record struct Child(ExtName Name, OverlayName? Here, OverlayMarkForms Marks);

    private List<Child> _children = [];
    private int _next;
    private IEnumerator<OverlayName>? _below;
    private bool _hasBelow;
    private OverlayName? _found;
    private bool _isRedirected;
    private bool _isInsideCut;
    private OverlayMarkForms _formsAbove;

    public OverlayEntry Entry => entry;

    /// <summary>The forms in which the directory hides all that the base has in it.</summary>
    public OverlayMarkForms Forms { get; private set; }

    /// <summary>Whether nothing of the base's directory of the same path is seen.</summary>
    public bool IsHiding => IsCut || _isRedirected;

    // Below an opaque directory nothing of the base is seen either, though no directory says so again.
    private bool IsCut => Forms != OverlayMarkForms.None || (_isInsideCut && !_isRedirected);

    /// <summary>The forms in which it, or a directory above it, hides what the base has in it.</summary>
    public OverlayMarkForms HidingForms => Forms == OverlayMarkForms.None ? _formsAbove : Forms;

    /// <summary>The name that was come to.</summary>
    public ExtName Name { get; private set; }

    /// <summary>The overlay's file of that name; null when it only hides the base's.</summary>
    public OverlayName? Here { get; private set; }

    /// <summary>How the base's is hidden when there is none in the overlay.</summary>
    public OverlayMarkForms Marks { get; private set; }

    /// <summary>The base's file of that name; null when it has none.</summary>
    public OverlayEntry? BaseEntry => _found is { } found ? lower!.Entry(below!, found) : null;

    /// <summary>Notes what the directory's attributes say, and what the directory says that it is in.</summary>
    public void Hide(OverlayMarkForms forms, bool isRedirected, ComparedDirectory above)
    {
        (Forms, _isRedirected, _isInsideCut) = (Forms | forms, isRedirected, above.IsHiding);
        _formsAbove = above.Forms | above._formsAbove;
    }

    /// <summary>Reads the names in the overlay.</summary>
    public void Load()
    {
        foreach (var name in overlay.Names(entry))
        {
            if (OverlayMarks.IsOpaqueName(name.Name))
                Forms |= OverlayMarks.IsOpaqueFile(name.Name) ? OverlayMarkForms.NamedFile : OverlayMarkForms.None;
            else if (OverlayMarks.HiddenByName(name.Name) is { } hidden)
                _children.Add(new Child(hidden, null, OverlayMarkForms.NamedFile));
            else
                _children.Add(new Child(name.Name, name, OverlayMarkForms.None));
        }

        // A file and the mark of its deletion in the same directory: the file was made anew.
        _children = [.. _children.OrderBy(child => child.Name, ExtName.ByBytes).ThenBy(child => child.Here is null)];
        _below = below is null ? null : lower!.Names(below).GetEnumerator();
        _hasBelow = _below?.MoveNext() == true;
    }

    /// <summary>Goes to the next name that the overlay has or hides.</summary>
    public bool MoveNext()
    {
        while (true)
        {
            while (_next > 0 && _next < _children.Count && _children[_next].Name == _children[_next - 1].Name)
                _next++;
            var child = _next < _children.Count ? _children[_next] : default(Child?);
            var order = (child, _hasBelow) switch
            {
                (null, false) => 0,
                (null, true) => 1,
                (_, false) => -1,
                ({ } here, true) => here.Name.Bytes.SequenceCompareTo(_below!.Current.Name.Bytes),
            };
            if (child is null && (!_hasBelow || !IsHiding))
            {
                _below?.Dispose();
                return false;
            }

            if (order > 0)
            {
                var hidden = _below!.Current;
                _hasBelow = _below.MoveNext();
                if (!IsHiding || (_isRedirected && OriginHas(hidden.Name)))
                    continue;
                (Name, Here, Marks, _found) = (hidden.Name, null, HidingForms, hidden);
                return true;
            }

            (Name, Here, Marks) = (child!.Value.Name, child.Value.Here, child.Value.Marks);
            _found = order == 0 ? _below!.Current : null;
            _next++;
            if (order == 0)
                _hasBelow = _below!.MoveNext();
            return true;
        }
    }

    /// <summary>Whether the base's directory that was renamed to this has the name.</summary>
    public bool OriginHas(ExtName name) =>
        _isRedirected && origin?.Type == ExtFileType.Directory && lower!.Find(origin, name) is not null;

    /// <summary>The base's file that one of this directory lies on.</summary>
    /// <param name="redirect">Its old name, or its old path with a slash at its start; null for one that was not
    /// renamed.</param>
    /// <param name="name">Its name.</param>
    public OverlayEntry? Origin(string? redirect, ExtName name)
    {
        if (lower is null || (redirect is null && IsCut))
            return null;
        if (redirect is null || !redirect.StartsWith('/'))
            return Step(origin, redirect is null ? name.Bytes.ToArray() : Encoding.UTF8.GetBytes(redirect));
        OverlayEntry? found = lower.Root;
        foreach (var component in redirect.Split('/', StringSplitOptions.RemoveEmptyEntries))
            found = Step(found, Encoding.UTF8.GetBytes(component));
        return found;
    }

    // Nobody but the kernel should have written the attribute, but anybody may have.
    private OverlayEntry? Step(OverlayEntry? directory, byte[] name) =>
        directory?.Type == ExtFileType.Directory && name.Length <= ExtName.MaxLength && name is not ([] or [(byte)'.'] or [(byte)'.', (byte)'.'])
            && !name.AsSpan().ContainsAny((byte)'/', (byte)0)
            ? lower!.Find(directory, new ExtName(name))
            : null;
}
