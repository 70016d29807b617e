using OverlayTools.IO;

namespace OverlayTools.Containers.Instances;

/// <summary>Makes and looks up <see cref="ProcessMark"/>s.</summary>
internal static class ProcessMarks
{
    /// <summary>The mark of a process; of none when it has ended.</summary>
    public static ProcessMark Of(int processId) =>
        ProcessFacts.StartTimeOf(processId) is { } start ? new ProcessMark(processId, start) : default;

    /// <summary>Whether that very process is there, and no zombie.</summary>
    public static bool IsAlive(this ProcessMark mark) => mark.Id > 0 && ProcessFacts.StartTimeOf(mark.Id) == mark.StartTime;
}
