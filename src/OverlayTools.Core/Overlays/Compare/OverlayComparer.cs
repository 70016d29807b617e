namespace OverlayTools.Overlays;

/// <summary>Says what an overlay does to its base, without mounting or changing either.</summary>
public static class OverlayComparer
{
    /// <summary>Finds the differences one after the other.</summary>
    /// <param name="comparison">What is to be compared.</param>
    /// <param name="warn">Told when somebody writes one of both meanwhile, and when the overlay was made on another
    /// base.</param>
    /// <param name="token">Stops the work.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFileNotFound"/>,
    /// <see cref="ErrorIds.OverlayNotExt3"/>, <see cref="ErrorIds.OverlayMissingUpper"/>,
    /// <see cref="ErrorIds.OverlayFeatureUnsupported"/>, <see cref="ErrorIds.OverlayCorrupt"/>,
    /// <see cref="ErrorIds.SquashfsCorrupt"/>, <see cref="ErrorIds.SquashfsUnsupported"/>,
    /// <see cref="ErrorIds.ImageNotRecognized"/>, <see cref="ErrorIds.InvalidDirectoryName"/>,
    /// <see cref="ErrorIds.OptionConflict"/>, <see cref="ErrorIds.SifDescriptorNotFound"/>,
    /// <see cref="ErrorIds.SifEncrypted"/>.</exception>
    public static IEnumerable<OverlayDifference> Compare(
        OverlayComparison comparison, Action<string>? warn = null, CancellationToken token = default)
    {
        warn ??= _ => { };
        var path = new OverlayPath(comparison.ItemPath, comparison.Pattern);
        using var overlay = Layers.OpenOverlay(comparison.Path, comparison.Id, warn, token);
        var (basePath, baseId) = BaseOf(comparison, overlay, warn);
        using var lower = OpenLower(comparison, basePath, baseId, warn, token);
        foreach (var difference in new DifferenceFinder(overlay, lower, path, comparison.Recurse, token).Find())
            yield return difference;
    }

    /// <summary>Counts the differences.</summary>
    /// <inheritdoc cref="Compare"/>
    public static OverlayDifferenceSummary Summarize(
        OverlayComparison comparison, Action<string>? warn = null, IProgress<EngineProgress>? progress = null,
        CancellationToken token = default)
    {
        var summary = new OverlayDifferenceSummary { ImagePath = comparison.Path, Id = comparison.Id };
        foreach (var difference in Compare(comparison, warn, token))
        {
            summary = summary.With(difference);
            progress?.Report(new EngineProgress("Comparing", summary.Count, 0, "files"));
        }

        return summary;
    }

    private static OverlayContent? OpenLower(
        OverlayComparison comparison, string? basePath, uint? baseId, Action<string> warn, CancellationToken token)
    {
        if (basePath is null && comparison.Lower.Count > 0)
            throw new EngineException(ErrorIds.OptionConflict, "There are overlays below, and no base below these.", "Say with -Base what it is.", comparison.Path);
        if (basePath is null)
            return null;
        var layers = new List<OverlayContent>();
        try
        {
            layers.Add(Layers.OpenBase(basePath, baseId, warn, token));
            foreach (var path in comparison.Lower)
                layers.Insert(0, Layers.OpenOverlay(path, null, warn, token));
            return layers.Count == 1 ? layers[0] : new StackedContent(layers);
        }
        catch
        {
            foreach (var layer in layers)
                layer.Dispose();
            throw;
        }
    }

    private static (string? Path, uint? Id) BaseOf(OverlayComparison comparison, OverlayContent overlay, Action<string> warn)
    {
        var remembered = Remembered(comparison);
        if (comparison.BasePath is { } given)
        {
            if (remembered?.Compare(given, comparison.BaseId) == OverlayBaseMatch.Other)
                warn($"'{overlay.Path}' was made on another base, {remembered.Describe()}: what it hides and changes may mean something else on '{given}'.");
            return (given, comparison.BaseId);
        }

        if (overlay.Id is not null && HasRoot(overlay.Path))
            return (overlay.Path, null);
        if (remembered is null)
            return (null, null);
        if (IsThere(remembered))
            return (remembered.Path, remembered.PartitionId);
        warn($"The base that '{overlay.Path}' was made on, {remembered.Describe()}, is not there any more: all that is in the overlay is listed. Say with -Base where it is.");
        return (null, null);
    }

    private static OverlayBase? Remembered(OverlayComparison comparison)
    {
        try
        {
            return OverlayBase.Read(comparison.Path, comparison.Id);
        }
        catch (EngineException)
        {
            return null; // of squashfs, for example
        }
    }

    private static bool HasRoot(string path)
    {
        using var sif = Sif.SifImage.Open(path);
        return sif.PrimaryPartition is not null;
    }

    private static bool IsThere(OverlayBase remembered)
    {
        try
        {
            return Path.Exists(remembered.Path) && remembered.Compare(remembered.Path, remembered.PartitionId) == OverlayBaseMatch.Same;
        }
        catch (Exception error) when (error is EngineException or IOException or UnauthorizedAccessException)
        {
            return false; // it is something else by now, or cannot be read
        }
    }
}
