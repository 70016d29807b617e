using System.Runtime.InteropServices;
using OverlayTools.Native;

namespace OverlayTools.Init;

/// <summary>
/// Newer versions of fuse2fs open the image for writing even with <c>-o ro</c>, and then change its superblock; only an
/// EACCES makes them take their read-only path. They open the image, and nothing else, with
/// <c>O_RDWR|O_EXCL</c> and without <c>O_CREAT</c>: a system call filter answers just that with EACCES.
/// </summary>
internal static class WriteFilter
{
    // Classic BPF (linux/bpf_common.h) and seccomp's return values (linux/seccomp.h).
    private const ushort LoadWord = 0x20;
    private const ushort JumpIfEqual = 0x15;
    private const ushort And = 0x54;
    private const ushort Return = 0x06;
    private const uint Allow = 0x7fff0000;
    private const uint FailWith = 0x00050000;

    // struct seccomp_data: nr, arch, instruction_pointer, args[6] of 64 bits.
    private const uint NumberOffset = 0;
    private const uint ArchitectureOffset = 4;
    private const uint OpenAtFlagsOffset = 16 + (2 * 8);

    private const uint AccessMode = 3;

    /// <summary>The filter; empty on an architecture that it does not know.</summary>
    public static FilterInstruction[] Instructions()
    {
        // AUDIT_ARCH_* (linux/audit.h) and the number of openat(2).
        (uint Architecture, uint OpenAt)? known = RuntimeInformation.ProcessArchitecture switch
        {
            Architecture.X64 => (0xC000003E, 257u),
            Architecture.Arm64 => (0xC00000B7, 56u),
            _ => null,
        };
        if (known is not { } machine)
            return [];

        const uint examined = AccessMode | (uint)Open.Exclusive | (uint)Open.Create;
        const uint denied = (uint)Open.ReadWrite | (uint)Open.Exclusive;
        return
        [
            new(LoadWord, 0, 0, ArchitectureOffset),
            new(JumpIfEqual, 0, 5, machine.Architecture),
            new(LoadWord, 0, 0, NumberOffset),
            new(JumpIfEqual, 0, 3, machine.OpenAt),
            new(LoadWord, 0, 0, OpenAtFlagsOffset),
            new(And, 0, 0, examined),
            new(JumpIfEqual, 1, 0, denied),
            new(Return, 0, 0, Allow),
            new(Return, 0, 0, FailWith | Errno.EACCES),
        ];
    }
}
