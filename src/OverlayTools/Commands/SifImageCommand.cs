namespace OverlayTools.Commands;

/// <summary>What cmdlets on SIF images share.</summary>
public abstract class SifImageCommand : ImageFileCommand
{
    /// <summary>Says that nothing kept other programs from writing meanwhile.</summary>
    protected void WarnIfUnlocked(string path, bool locked)
    {
        if (!locked)
            WriteWarning(
                $"The file system of '{path}' knows no locks: nothing would have kept another program from writing.");
    }
}
