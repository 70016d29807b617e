using System.Globalization;
using System.Management.Automation;
using OverlayTools.Overlays;

namespace OverlayTools;

/// <summary>Lets a parameter of type <see cref="OverlayOwner"/> take <c>1000:1000</c>, <c>1000</c>, <c>ana</c> or
/// <c>ana:staff</c>.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class OverlayOwnerTransformationAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        var value = inputData is PSObject wrapped ? wrapped.BaseObject : inputData;
        // Null, and whatever is neither text nor a number, is for the binder to refuse.
        if (value is not (string or int or long or uint or ulong))
            return value!;
        var text = Convert.ToString(value, CultureInfo.InvariantCulture)!;
        return OverlayOwner.TryParse(text, out var owner, out var hindrance)
            ? owner
            : throw new ArgumentTransformationMetadataException(hindrance);
    }
}
