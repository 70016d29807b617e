using System.Management.Automation.Host;

namespace OverlayTools.Host;

/// <summary>The size of the terminal; what a stream of text cannot do says so.</summary>
internal sealed class ConsoleRawUserInterface : PSHostRawUserInterface
{
    /// <summary>The colour that a terminal has of its own: not one of the sixteen.</summary>
    public const ConsoleColor Unset = (ConsoleColor)(-1);

    /// <inheritdoc/>
    public override ConsoleColor ForegroundColor { get; set; } = Unset;

    /// <inheritdoc/>
    public override ConsoleColor BackgroundColor { get; set; } = Unset;

    /// <inheritdoc/>
    public override Size WindowSize
    {
        get => new(Terminal.Size.Columns, Terminal.Size.Rows);
        set => throw Unsupported();
    }

    /// <inheritdoc/>
    public override Size BufferSize
    {
        get => WindowSize;
        set => throw Unsupported();
    }

    /// <inheritdoc/>
    public override Size MaxWindowSize => WindowSize;

    /// <inheritdoc/>
    public override Size MaxPhysicalWindowSize => WindowSize;

    /// <inheritdoc/>
    public override Coordinates WindowPosition
    {
        get => default;
        set => throw Unsupported();
    }

    /// <inheritdoc/>
    public override Coordinates CursorPosition
    {
        get => default;
        set => throw Unsupported();
    }

    /// <inheritdoc/>
    public override int CursorSize
    {
        get => 25;
        set => throw Unsupported();
    }

    /// <inheritdoc/>
    public override string WindowTitle { get; set; } = "";

    /// <inheritdoc/>
    public override bool KeyAvailable => !Console.IsInputRedirected && Console.KeyAvailable;

    /// <inheritdoc/>
    public override KeyInfo ReadKey(ReadKeyOptions options)
    {
        var key = Console.ReadKey(intercept: options.HasFlag(ReadKeyOptions.NoEcho));
        return new KeyInfo((int)key.Key, key.KeyChar, default, keyDown: true);
    }

    /// <inheritdoc/>
    public override void FlushInputBuffer()
    {
    }

    /// <inheritdoc/>
    public override BufferCell[,] GetBufferContents(Rectangle rectangle) => throw Unsupported();

    /// <inheritdoc/>
    public override void SetBufferContents(Coordinates origin, BufferCell[,] contents) => throw Unsupported();

    /// <inheritdoc/>
    public override void SetBufferContents(Rectangle rectangle, BufferCell fill)
    {
        // Clear-Host fills everything; nothing else can be done to a terminal from here.
        if (rectangle is not { Left: -1, Top: -1, Right: -1, Bottom: -1 })
            throw Unsupported();
        if (Terminal.ColorsOutput)
            Console.Out.Write("\u001b[H\u001b[2J");
    }

    /// <inheritdoc/>
    public override void ScrollBufferContents(
        Rectangle source, Coordinates destination, Rectangle clip, BufferCell fill) => throw Unsupported();

    private static NotSupportedException Unsupported() =>
        new("This console writes a stream of text: it has no buffer of cells.");
}
