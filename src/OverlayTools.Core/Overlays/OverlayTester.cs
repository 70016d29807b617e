using OverlayTools.Ext.Check;

namespace OverlayTools.Overlays;

/// <summary>Checks overlay images without changing them.</summary>
public static class OverlayTester
{
    /// <summary>Checks an image file, or the ext3 partitions of a SIF image.</summary>
    /// <param name="path">The file.</param>
    /// <param name="id">The one partition that is meant; null for all.</param>
    /// <param name="progress">Told of groups and directories.</param>
    /// <param name="token">Stops the work.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFileNotFound"/>, <see cref="ErrorIds.OverlayInUse"/>
    /// while somebody writes it, <see cref="ErrorIds.OverlayNotExt3"/>,
    /// <see cref="ErrorIds.OverlayFeatureUnsupported"/>, <see cref="ErrorIds.OptionConflict"/>, and what reading a SIF
    /// image raises.</exception>
    public static IReadOnlyList<OverlayCheck> Test(
        string path, uint? id = null, IProgress<EngineProgress>? progress = null, CancellationToken token = default)
    {
        using var image = LockedImage.ToRead(path, id);
        var checks = new List<OverlayCheck>();
        foreach (var location in image.Locations)
        {
            var window = location.Open(image.File);
            var found = ExtChecker.Check(window, progress, token);
            // What the tree holds is not worth asking of a file system that contradicts itself.
            checks.Add(new OverlayCheck(path, location.Id, found, found.IsSound ? OverlayRules.Check(window, token) : []));
        }

        return checks;
    }
}
