using System.Management.Automation;
using OverlayTools.Sif;

namespace OverlayTools.Completion;

/// <summary>Lets the format of a bill of materials be given by the name that siftool shows, for example
/// <c>cyclonedx-json</c>; <c>github</c> is <c>github-json</c> there too.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class SifSbomFormatArgumentAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        var value = inputData is PSObject wrapped ? wrapped.BaseObject : inputData;
        if (value is not string name)
            return inputData;
        if (name.Equals("github", StringComparison.OrdinalIgnoreCase))
            return SifSbomFormat.GitHubJson;
        return name.Replace("-", string.Empty, StringComparison.Ordinal);
    }
}
