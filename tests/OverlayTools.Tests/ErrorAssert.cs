using System.Management.Automation;

namespace OverlayTools.Tests;

/// <summary>What every error record has.</summary>
internal static class ErrorAssert
{
    /// <summary>The last run wrote one error, with this id and category, a target, and what to do next.</summary>
    public static ErrorRecord Single(ModuleSession session, string id, ErrorCategory category)
    {
        var error = Assert.Single(session.Errors);
        Assert.Equal(id, error.FullyQualifiedErrorId.Split(',')[0]);
        Assert.Equal(category, error.CategoryInfo.Category);
        Assert.NotNull(error.TargetObject);
        Assert.False(string.IsNullOrEmpty(error.ErrorDetails?.RecommendedAction), error.ToString());
        return error;
    }
}
