using System.Globalization;
using System.Management.Automation;

namespace OverlayTools;

/// <summary>Lets a parameter for a size take what people write: <c>1GB</c>, <c>'1GiB'</c>, <c>'500M'</c>, or bytes.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class SizeTransformationAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object? Transform(EngineIntrinsics engineIntrinsics, object? inputData)
    {
        var value = inputData is PSObject wrapped ? wrapped.BaseObject : inputData;
        if (value is not string text)
            return value;
        // A negative number is one all the same: what it is for says why it is not allowed.
        return ByteSize.TryParse(text, out var bytes) || long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out bytes)
            ? bytes
            : throw new ArgumentTransformationMetadataException(string.Create(CultureInfo.InvariantCulture,
                $"'{text}' is no size. Give bytes, or a number with a unit: 1GB, '1GiB', '500M'."));
    }
}
