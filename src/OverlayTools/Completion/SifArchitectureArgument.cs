using System.Globalization;
using System.Management.Automation;
using OverlayTools.Sif;

namespace OverlayTools.Completion;

/// <summary>Lets an architecture be given by the name that siftool shows; <c>386</c> is a name, not a number.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class SifArchitectureArgumentAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        var value = inputData is PSObject wrapped ? wrapped.BaseObject : inputData;
        var name = Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
        return SifArchitectures.TryParse(name, out var architecture) ? architecture : inputData;
    }
}
