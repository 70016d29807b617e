using System.Runtime.InteropServices;

namespace OverlayTools.Native;

/// <summary>One instruction of a classic BPF program (<c>struct sock_filter</c>, linux/filter.h).</summary>
/// <param name="code">What is done.</param>
/// <param name="ifTrue">How many instructions are skipped when a comparison holds.</param>
/// <param name="ifFalse">How many when it does not.</param>
/// <param name="value">The operand.</param>
[StructLayout(LayoutKind.Sequential)]
internal struct FilterInstruction(ushort code, byte ifTrue, byte ifFalse, uint value)
{
    public ushort Code = code;
    public byte IfTrue = ifTrue;
    public byte IfFalse = ifFalse;
    public uint Value = value;
}

/// <summary>A classic BPF program (<c>struct sock_fprog</c>).</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct FilterProgram
{
    public ushort Length;
    public FilterInstruction* Instructions;
}
