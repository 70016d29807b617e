using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests.Containers;

/// <summary>A terminal with a program on it, and a person who types and reads (<c>pty(7)</c>).</summary>
internal sealed partial class PseudoTerminal : IDisposable
{
    private const int ReadWrite = 2;
    private const int NotOurs = 0x100; // O_NOCTTY
    private const int CloseOnExec = 0x80000;
    private const nuint SetWindowSize = 0x5414; // TIOCSWINSZ
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    private readonly SafeFileHandle _master;
    private readonly FileStream _stream;
    private readonly StringBuilder _screen = new();
    private readonly Thread _reader;

    [StructLayout(LayoutKind.Sequential)]
    private struct WindowSize
    {
        public ushort Rows, Columns, Width, Height;
    }

    [LibraryImport("libc", EntryPoint = "posix_openpt", SetLastError = true)]
    private static partial int OpenMaster(int flags);

    [LibraryImport("libc", EntryPoint = "grantpt")]
    private static partial int Grant(int master);

    [LibraryImport("libc", EntryPoint = "unlockpt")]
    private static partial int Unlock(int master);

    [LibraryImport("libc", EntryPoint = "ptsname")]
    private static partial nint NameOf(int master);

    [LibraryImport("libc", EntryPoint = "ioctl")]
    private static partial int Control(int file, nuint request, ref WindowSize size);

    public PseudoTerminal(string directory, IReadOnlyList<string> command)
    {
        Machine.NeedTool("setsid");
        var master = OpenMaster(ReadWrite | NotOurs | CloseOnExec);
        Assert.True(master >= 0 && Grant(master) == 0 && Unlock(master) == 0);
        Path = Marshal.PtrToStringUTF8(NameOf(master))!;
        _master = new SafeFileHandle(master, ownsHandle: true);
        // Opened by us too: the terminal outlives its program.
        Machine.Run("chmod", "666", Path);
        Resize(24, 80);
        Process = Process.Start(new ProcessStartInfo("sh", ["-c", "exec setsid -c \"$@\" <$0 >$0 2>$0", Path, .. command])
        {
            WorkingDirectory = directory,
        })!;
        _stream = new FileStream(_master, FileAccess.ReadWrite, bufferSize: 0);
        _reader = new Thread(Read) { IsBackground = true };
        _reader.Start();
    }

    /// <summary>The terminal's device.</summary>
    public string Path { get; }

    /// <summary>The program, the leader of the terminal's session.</summary>
    public Process Process { get; }

    /// <summary>The terminal's mode, as stty writes it down.</summary>
    public string Mode => Machine.Run("sh", "-c", $"stty -g <{Path}").Output.Trim();

    /// <summary>All that was shown.</summary>
    public string Screen
    {
        get
        {
            lock (_screen)
                return _screen.ToString();
        }
    }

    public void Type(string keys) => _stream.Write(Encoding.UTF8.GetBytes(keys));

    public void Resize(int rows, int columns)
    {
        var size = new WindowSize { Rows = (ushort)rows, Columns = (ushort)columns };
        Assert.Equal(0, Control(_master.DangerousGetHandle().ToInt32(), SetWindowSize, ref size));
    }

    /// <summary>Waits until a text has been shown so many times.</summary>
    public void WaitFor(string text, int times = 1) =>
        WaitUntil(() => Screen.Split(text).Length > times, $"'{text}' x{times}");

    public void WaitUntil(Func<bool> condition, string what)
    {
        var waited = Stopwatch.StartNew();
        while (!condition())
        {
            Assert.True(waited.Elapsed < s_limit, $"waiting for {what}; the screen has: {Screen}");
            Thread.Sleep(20);
        }
    }

    public void WaitForEnd() => Assert.True(Process.WaitForExit(s_limit), Screen);

    public void Dispose()
    {
        if (!Process.HasExited)
            Process.Kill();
        _stream.Dispose();
        Process.Dispose();
    }

    private void Read()
    {
        var buffer = new byte[4096];
        try
        {
            while (true)
            {
                var count = _stream.Read(buffer);
                lock (_screen)
                    _screen.Append(Encoding.UTF8.GetString(buffer, 0, count));
                if (count == 0)
                    Thread.Sleep(20);
            }
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException)
        {
            // EIO: nobody has the terminal any more.
        }
    }
}
