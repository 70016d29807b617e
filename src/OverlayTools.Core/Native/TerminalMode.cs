using System.Runtime.InteropServices;

namespace OverlayTools.Native;

/// <summary>
/// The mode of the terminal at standard input (<c>termios(3)</c>). A shell of .NET reads keys, with line editing and echo
/// switched off; a program that is started from it expects lines, and the mode it had comes back afterwards.
/// </summary>
internal sealed unsafe partial class TerminalMode : IDisposable
{
    private const int StandardInput = 0;
    private const int AfterOutput = 1; // TCSADRAIN
    private const uint CarriageReturnToNewline = 0x100; // ICRNL
    private const uint Signals = 0x1; // ISIG
    private const uint Canonical = 0x2; // ICANON
    private const uint Echo = 0x8; // ECHO
    private const uint Extended = 0x8000; // IEXTEN

    private Settings _before;
    private bool _changed;

    private TerminalMode(in Settings before)
    {
        _before = before;
        _changed = true;
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

    /// <summary>Switches line editing, echo and signals on; null when standard input is no terminal, or needs no change.</summary>
    public static TerminalMode? ForLines()
    {
        Settings settings;
        if (GetAttributes(StandardInput, &settings) != 0)
            return null;
        var before = settings;
        settings.Input |= CarriageReturnToNewline;
        settings.Local |= Signals | Canonical | Echo | Extended;
        if (settings.Input == before.Input && settings.Local == before.Local)
            return null;
        return SetAttributes(StandardInput, AfterOutput, &settings) == 0 ? new TerminalMode(before) : null;
    }

    /// <summary>Restores the mode.</summary>
    public void Dispose()
    {
        if (!_changed)
            return;
        _changed = false;
        fixed (Settings* before = &_before)
            _ = SetAttributes(StandardInput, AfterOutput, before);
    }
}
