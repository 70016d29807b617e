using System.Globalization;
using System.Management.Automation;

namespace OverlayTools;

/// <summary>Lets a parameter for permissions take the octal digits that <c>chmod</c> takes: <c>0755</c>, <c>755</c> and
/// <c>'755'</c> are the same. PowerShell has no octal numbers, so that digits are taken as they are written.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class OctalModeTransformationAttribute : ArgumentTransformationAttribute
{
    private const uint Most = 0xFFF;

    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        var value = inputData is PSObject wrapped ? wrapped.BaseObject : inputData;
        if (value is UnixFileMode mode)
            return (uint)mode;
        var digits = Convert.ToString(value, CultureInfo.InvariantCulture) ?? string.Empty;
        var number = 0u;
        foreach (var digit in digits)
            number = digit is >= '0' and <= '7' && number <= Most ? number << 3 | (uint)(digit - '0') : uint.MaxValue;
        return digits.Length > 0 && number <= Most
            ? number
            : throw new ArgumentTransformationMetadataException(
                $"'{digits}' is no file mode. Give octal digits as chmod takes them, for example 0755 or 1777.");
    }
}
