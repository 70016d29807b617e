using System.Management.Automation;

namespace OverlayTools;

/// <summary>PowerShell's wildcards for the names inside an overlay, which tell upper case from lower case.</summary>
internal static class ItemWildcard
{
    /// <summary>The test for a component of a path; null when no character in it is a wildcard.</summary>
    public static Predicate<string>? PatternOf(string component) =>
        WildcardPattern.ContainsWildcardCharacters(component)
            ? new WildcardPattern(component, WildcardOptions.CultureInvariant).IsMatch
            : null;
}
