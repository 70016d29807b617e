namespace OverlayTools.Containers;

/// <summary>What is run in an image.</summary>
public enum ContainerAction
{
    /// <summary>A command.</summary>
    Command,

    /// <summary>The image's run script (<c>/.singularity.d/runscript</c>); a shell where there is none.</summary>
    Run,

    /// <summary>A shell for a person.</summary>
    Shell,

    /// <summary>The image's start script (<c>/.singularity.d/startscript</c>), if there is one.</summary>
    Start,
}
