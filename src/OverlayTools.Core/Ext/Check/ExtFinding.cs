namespace OverlayTools.Ext.Check;

/// <summary>How bad a finding is.</summary>
public enum ExtFindingSeverity
{
    /// <summary>Worth knowing; the file system can be used.</summary>
    Warning,

    /// <summary>The file system contradicts itself.</summary>
    Error,
}

/// <summary>Something that a check found.</summary>
/// <param name="Id">What kind of thing.</param>
/// <param name="Severity">How bad it is.</param>
/// <param name="Message">What is wrong, in a sentence.</param>
/// <param name="Inode">The inode that it is about.</param>
/// <param name="Block">The block that it is about.</param>
/// <param name="Group">The block group that it is about.</param>
/// <param name="Path">The path of the inode, where it is known.</param>
public sealed record ExtFinding(
    ExtFindingId Id, ExtFindingSeverity Severity, string Message,
    uint? Inode = null, uint? Block = null, uint? Group = null, string? Path = null)
{
    /// <summary>Severity, id, place and message on a line.</summary>
    public override string ToString()
    {
        var place = (Path, Inode, Group, Block) switch
        {
            ({ } path, { } inode, _, _) => $" '{path}' (inode {inode})",
            (_, { } inode, _, _) => $" inode {inode}",
            (_, _, { } group, _) => $" group {group}",
            (_, _, _, { } block) => $" block {block}",
            _ => string.Empty,
        };
        return $"{Severity} {Id}{place}: {Message}";
    }
}

/// <summary>What a check of a file system found.</summary>
/// <param name="Findings">The findings, at most a thousand or so.</param>
/// <param name="ErrorCount">Errors in all.</param>
/// <param name="WarningCount">Warnings in all.</param>
/// <param name="ReplayedTransactions">Transactions that were replayed in memory before the check.</param>
public sealed record ExtCheckResult(
    IReadOnlyList<ExtFinding> Findings, int ErrorCount, int WarningCount, int ReplayedTransactions)
{
    /// <summary>Whether there are no errors.</summary>
    public bool IsSound => ErrorCount == 0;
}
