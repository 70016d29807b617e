using OverlayTools.Ext;
using OverlayTools.IO;

namespace OverlayTools.Overlays;

/// <summary>Holds the tree of a sound file system against the rules of overlays.</summary>
internal static class OverlayRules
{
    private const int MostFindings = 100;

    public static IReadOnlyList<OverlayFinding> Check(Window window, CancellationToken token)
    {
        var view = JournalReplay.Find(window, token)?.View ?? window;
        var fileSystem = ExtFileSystem.Open(view);
        var findings = new List<OverlayFinding>();
        if (fileSystem.Superblock.UnsupportedByApptainer is { Count: > 0 } features)
            findings.Add(new OverlayFinding(OverlayRule.ApptainerRefuses, $"Apptainer does not take {string.Join(", ", features)}."));
        var upper = FindDirectory(fileSystem, "/upper");
        var work = FindDirectory(fileSystem, "/work");
        if (upper is null)
            findings.Add(new OverlayFinding(OverlayRule.UpperMissing, "There is no directory 'upper' at its root."));
        if (work is null)
            findings.Add(new OverlayFinding(OverlayRule.WorkMissing, "There is no directory 'work' at its root."));
        if (upper is null)
            return findings;
        if (work is { } other)
            CompareOwners(fileSystem.ReadInode(upper.Value), fileSystem.ReadInode(other), findings);
        FindWhiteouts(fileSystem, upper.Value, findings, token);
        return findings;
    }

    private static uint? FindDirectory(ExtFileSystem fileSystem, string path) =>
        fileSystem.Find(path) is { } inode && fileSystem.ReadInode(inode).FileType == ExtFileType.Directory ? inode : null;

    private static void CompareOwners(ExtInode upper, ExtInode work, List<OverlayFinding> findings)
    {
        if (upper.UserId != work.UserId || upper.GroupId != work.GroupId)
            findings.Add(new OverlayFinding(OverlayRule.OwnersDiffer,
                $"'upper' belongs to {upper.UserId}:{upper.GroupId}, 'work' to {work.UserId}:{work.GroupId}."));
    }

    private static void FindWhiteouts(ExtFileSystem fileSystem, uint upper, List<OverlayFinding> findings, CancellationToken token)
    {
        var pending = new Queue<(uint Number, string Path)>();
        pending.Enqueue((upper, "/upper"));
        var seen = new HashSet<uint> { upper };
        while (pending.TryDequeue(out var directory))
        {
            token.ThrowIfCancellationRequested();
            foreach (var entry in fileSystem.ReadDirectory(directory.Number))
            {
                var path = $"{directory.Path}/{entry.Name}";
                if (entry.Name.Bytes.StartsWith(OverlayMarks.Prefix) && findings.Count < MostFindings)
                    findings.Add(new OverlayFinding(OverlayRule.StrayWhiteout, "It is a file for the kernel, not a deletion.", path));
                var isDirectory = entry.Type == ExtFileType.Directory
                    || (entry.Type == ExtFileType.Unknown && fileSystem.ReadInode(entry.Inode).FileType == ExtFileType.Directory);
                if (isDirectory && seen.Add(entry.Inode))
                    pending.Enqueue((entry.Inode, path));
            }
        }
    }
}
