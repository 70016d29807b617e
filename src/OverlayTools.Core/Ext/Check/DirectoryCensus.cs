using System.Runtime.InteropServices;

namespace OverlayTools.Ext.Check;

/// <summary>Where each directory hangs, ascending by inode: a million directories take 20 MB.</summary>
internal sealed class DirectoryCensus
{
    private readonly List<Entry> _entries = [];

    /// <summary>A directory.</summary>
    public struct Entry
    {
        /// <summary>Its inode.</summary>
        public uint Number;

        /// <summary>The directory that names it; 0 until a name was found.</summary>
        public uint Parent;

        /// <summary>Where its <c>..</c> leads.</summary>
        public uint DotDot;

        /// <summary>From where the way to the root went through here last.</summary>
        public uint VisitedFrom;

        /// <summary>Whether the root was reached from it.</summary>
        public bool IsConnected;
    }

    public int Count => _entries.Count;

    public ref Entry this[int index] => ref CollectionsMarshal.AsSpan(_entries)[index];

    /// <summary>Adds a directory whose inode comes after those of all others.</summary>
    public void Add(uint number)
    {
        if (_entries.Count == 0 || _entries[^1].Number < number)
            _entries.Add(new Entry { Number = number });
    }

    /// <summary>The index of a directory; negative when the inode is none.</summary>
    public int IndexOf(uint number)
    {
        var entries = CollectionsMarshal.AsSpan(_entries);
        int low = 0, high = entries.Length - 1;
        while (low <= high)
        {
            var middle = low + (high - low) / 2;
            if (entries[middle].Number == number)
                return middle;
            if (entries[middle].Number < number)
                low = middle + 1;
            else
                high = middle - 1;
        }

        return -1;
    }
}
