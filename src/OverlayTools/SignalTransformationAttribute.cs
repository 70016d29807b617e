using System.Management.Automation;

namespace OverlayTools;

/// <summary>Lets a signal be given by its name, with or without <c>SIG</c>, or by its number.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class SignalTransformationAttribute : ArgumentTransformationAttribute
{
    /// <summary>Names and numbers, the same on every architecture that the module is built for (<c>signal(7)</c>).</summary>
    internal static readonly IReadOnlyDictionary<string, int> Signals = new Dictionary<string, int>(StringComparer.OrdinalIgnoreCase)
    {
        ["TERM"] = 15, ["INT"] = 2, ["HUP"] = 1, ["QUIT"] = 3, ["KILL"] = 9, ["USR1"] = 10, ["USR2"] = 12, ["ABRT"] = 6,
    };

    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        var value = inputData is PSObject wrapped ? wrapped.BaseObject : inputData;
        if (value is not string text)
            return inputData;
        var name = text.StartsWith("SIG", StringComparison.OrdinalIgnoreCase) ? text[3..] : text;
        return Signals.TryGetValue(name, out var number) ? number : inputData;
    }
}
