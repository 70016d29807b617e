using System.Runtime.InteropServices;

namespace OverlayTools.Native;

/// <summary>
/// The mode of the terminal at standard input (<c>termios(3)</c>), and who has it. A shell of .NET reads keys, with line
/// editing and echo switched off; a program that is started from it expects lines, and the mode it had comes back
/// afterwards.
/// </summary>
internal sealed unsafe partial class TerminalMode : IDisposable
{
    private const int StandardInput = 0;
    private const int AfterOutput = 1; // TCSADRAIN
    private const uint CarriageReturnToNewline = 0x100; // ICRNL
    private const uint PostProcess = 0x1; // OPOST
    private const uint NewlineToBoth = 0x4; // ONLCR
    private const uint Signals = 0x1; // ISIG
    private const uint Canonical = 0x2; // ICANON
    private const uint Echo = 0x8; // ECHO
    private const uint Extended = 0x8000; // IEXTEN
    private const int SignalSetSize = 1024;
    private const int BlockSignals = 0; // SIG_BLOCK
    private const int SetSignals = 2; // SIG_SETMASK

    private readonly int _group;
    private Settings _before;
    private bool _changed = true;

    private TerminalMode(in Settings before, int group)
    {
        _before = before;
        _group = group;
    }

    /// <summary><c>struct termios</c> of Linux, larger than any C library's.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Settings
    {
        public uint Input;
        public uint Output;
        public uint Control;
        public uint Local;
        public fixed byte Rest[112];
    }

    [LibraryImport("libc", EntryPoint = "tcgetattr", SetLastError = true)]
    private static partial int GetAttributes(int descriptor, Settings* settings);

    [LibraryImport("libc", EntryPoint = "tcsetattr", SetLastError = true)]
    private static partial int SetAttributes(int descriptor, int when, Settings* settings);

    [LibraryImport("libc", EntryPoint = "tcgetpgrp", SetLastError = true)]
    private static partial int GetForeground(int descriptor);

    [LibraryImport("libc", EntryPoint = "tcsetpgrp", SetLastError = true)]
    private static partial int SetForeground(int descriptor, int group);

    [LibraryImport("libc", EntryPoint = "pthread_sigmask")]
    private static partial int SignalMask(int how, byte* set, byte* old);

    [LibraryImport("libc", EntryPoint = "sigemptyset")]
    private static partial int EmptySet(byte* set);

    [LibraryImport("libc", EntryPoint = "sigaddset")]
    private static partial int AddToSet(byte* set, int signal);

    /// <summary>Switches line editing, echo and signals on; null when standard input is no terminal, or needs no change.</summary>
    public static TerminalMode? ForLines() => Change(always: false, group: 0);

    /// <summary>As <see cref="ForLines"/>, for a program that does what it likes with the terminal: mode and foreground
    /// group come back, whatever was done to them. Null when standard input is no terminal.</summary>
    public static TerminalMode? ForAnother() => Change(always: true, GetForeground(StandardInput));

    /// <summary>Makes the caller's own process group the one that the terminal's keys go to.</summary>
    /// <param name="group">The group.</param>
    public static void GiveTo(int group) => Unstopped(() => _ = SetForeground(StandardInput, group));

    /// <summary>Restores the mode.</summary>
    public void Dispose()
    {
        if (!_changed)
            return;
        _changed = false;
        Unstopped(() =>
        {
            if (_group > 0)
                _ = SetForeground(StandardInput, _group);
            fixed (Settings* before = &_before)
                _ = SetAttributes(StandardInput, AfterOutput, before);
        });
    }

    private static TerminalMode? Change(bool always, int group)
    {
        Settings settings;
        if (GetAttributes(StandardInput, &settings) != 0)
            return null;
        var before = settings;
        settings.Input |= CarriageReturnToNewline;
        settings.Output |= PostProcess | NewlineToBoth;
        settings.Local |= Signals | Canonical | Echo | Extended;
        var same = settings.Input == before.Input && settings.Output == before.Output && settings.Local == before.Local;
        if (same)
            return always ? new TerminalMode(before, group) : null;
        return SetAttributes(StandardInput, AfterOutput, &settings) == 0 ? new TerminalMode(before, group) : null;
    }

    // Who is not in the terminal's foreground is stopped when he touches it, unless he blocks the signal.
    private static void Unstopped(Action work)
    {
        var set = stackalloc byte[SignalSetSize];
        var old = stackalloc byte[SignalSetSize];
        _ = EmptySet(set);
        _ = AddToSet(set, Processes.TerminalOutput);
        _ = SignalMask(BlockSignals, set, old);
        try
        {
            work();
        }
        finally
        {
            _ = SignalMask(SetSignals, old, null);
        }
    }
}
