using System.Globalization;
using System.Management.Automation.Host;

namespace OverlayTools.Host;

/// <summary>What the engine sees of the program.</summary>
internal sealed class ConsoleHost(ConsoleUserInterface console) : PSHost
{
    private readonly Stack<NestedPrompt> _nested = new();
    private readonly Lock _lock = new();
    private volatile bool _isEnding;

    /// <summary>The session, once it is open.</summary>
    public Session? Session { get; set; }

    /// <summary>The code to exit with, once something said so.</summary>
    public int? ExitCode { get; private set; }

    /// <summary>Whether the program was asked to end.</summary>
    public bool IsEnding => _isEnding;

    public ConsoleUserInterface Console => console;

    /// <inheritdoc/>
    public override string Name => "OverlayToolsHost";

    /// <inheritdoc/>
    public override Version Version { get; } = System.Version.Parse(Usage.OwnVersion);

    /// <inheritdoc/>
    public override Guid InstanceId { get; } = Guid.NewGuid();

    /// <inheritdoc/>
    public override PSHostUserInterface UI => console;

    /// <inheritdoc/>
    public override CultureInfo CurrentCulture => CultureInfo.CurrentCulture;

    /// <inheritdoc/>
    public override CultureInfo CurrentUICulture => CultureInfo.CurrentUICulture;

    /// <summary>From now on the program ends with this code, whatever a script says.</summary>
    public void EndWith(int exitCode)
    {
        lock (_lock)
        {
            _isEnding = true;
            ExitCode = exitCode;
        }
    }

    /// <inheritdoc/>
    public override void SetShouldExit(int exitCode)
    {
        lock (_lock)
        {
            if (!_isEnding)
                ExitCode = exitCode;
        }
    }

    /// <inheritdoc/>
    public override void EnterNestedPrompt()
    {
        var prompt = new NestedPrompt();
        lock (_lock)
            _nested.Push(prompt);
        try
        {
            new PromptLoop(Session!).RunWhile(() => !prompt.IsLeft && !_isEnding);
        }
        finally
        {
            lock (_lock)
                _nested.Pop();
        }
    }

    /// <inheritdoc/>
    public override void ExitNestedPrompt()
    {
        lock (_lock)
        {
            if (_nested.TryPeek(out var prompt))
                prompt.IsLeft = true;
        }
    }

    /// <inheritdoc/>
    public override void NotifyBeginApplication() => console.Progress.Clear();

    /// <inheritdoc/>
    public override void NotifyEndApplication()
    {
    }

    private sealed class NestedPrompt
    {
        public volatile bool IsLeft;
    }
}
