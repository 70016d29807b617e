using System.Runtime.InteropServices;

namespace OverlayTools.Native;

/// <summary>Calls that give up, or bequeath, privileges of the calling thread (<c>prctl(2)</c>, <c>capset(2)</c>).</summary>
internal static partial class Privileges
{
    private const int SetParentDeathSignal = 1;
    private const int DropFromBoundingSet = 24;
    private const int SetChildSubreaper = 36;
    private const int SetNoNewPrivileges = 38;
    private const int AmbientCapabilities = 47;
    private const ulong ClearAllAmbient = 4;
    private const uint CapabilityVersion3 = 0x20080522;

    [StructLayout(LayoutKind.Sequential)]
    private struct CapabilityHeader
    {
        public uint Version;
        public int ProcessId;
    }

    /// <summary>Two words for each of the three sets.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct CapabilitySets
    {
        public uint Effective0, Permitted0, Inheritable0, Effective1, Permitted1, Inheritable1;
    }

    [LibraryImport("libc", EntryPoint = "prctl", SetLastError = true)]
    private static partial int Prctl(int option, nuint argument2, nuint argument3, nuint argument4, nuint argument5);

    [LibraryImport("libc", EntryPoint = "capset", SetLastError = true)]
    private static partial int CapSet(ref CapabilityHeader header, ref CapabilitySets sets);

    /// <summary>The signal that this process gets when the thread that started it ends.</summary>
    public static void DieWithParent(int signal) => Check(Prctl(SetParentDeathSignal, (nuint)signal, 0, 0, 0), "prctl");

    /// <summary>Orphans among our descendants become our children, so that none escapes.</summary>
    public static void BecomeSubreaper() => Check(Prctl(SetChildSubreaper, 1, 0, 0, 0), "prctl");

    /// <summary>No program that is executed from here on gains privileges (set-user-id bits, file capabilities).</summary>
    public static void ForbidNew() => Check(Prctl(SetNoNewPrivileges, 1, 0, 0, 0), "prctl");

    /// <summary>Drops every capability, so that a program executed next by an ordinary user has none.</summary>
    public static void DropCapabilities()
    {
        Check(Prctl(AmbientCapabilities, (nuint)ClearAllAmbient, 0, 0, 0), "prctl");
        var header = new CapabilityHeader { Version = CapabilityVersion3 };
        var none = default(CapabilitySets);
        Check(CapSet(ref header, ref none), "capset");
    }

    /// <summary>Takes every capability out of the set that programs executed later could gain.</summary>
    public static void DropBounds()
    {
        // The first number that the kernel does not know ends the list.
        for (nuint capability = 0; Prctl(DropFromBoundingSet, capability, 0, 0, 0) == 0; capability++)
        {
        }
    }

    private static void Check(int result, string function)
    {
        if (result != 0)
            throw LinuxException.Last(function);
    }
}
