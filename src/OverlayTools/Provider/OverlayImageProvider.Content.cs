using System.Management.Automation;
using System.Management.Automation.Provider;
using OverlayTools.Overlays;

namespace OverlayTools.Provider;

/// <content>What files hold.</content>
public sealed partial class OverlayImageProvider : IContentCmdletProvider
{
    /// <inheritdoc/>
    public IContentReader GetContentReader(string path) => Get(path, () =>
    {
        var place = At(path);
        var parameters = DynamicParameters as ItemContentReaderParameters ?? new ItemContentReaderParameters();
        return new ItemContentReader(place.Volume.OpenRead(place.ItemPath, _stop.Token), parameters);
    });

    /// <inheritdoc/>
    public object GetContentReaderDynamicParameters(string path) => new ItemContentReaderParameters();

    /// <inheritdoc/>
    public IContentWriter GetContentWriter(string path) => Get(path, () =>
    {
        var place = At(path);
        place.Volume.RequireWritable();
        var parameters = DynamicParameters as ItemContentWriterParameters ?? new ItemContentWriterParameters();
        return new ItemContentWriter(parameters, (content, append) => Get(path, () =>
        {
            place.Volume.WriteFile(place.ItemPath, content, append, _stop.Token);
            return true;
        }));
    });

    /// <inheritdoc/>
    public object GetContentWriterDynamicParameters(string path) => new ItemContentWriterParameters();

    /// <inheritdoc/>
    public void ClearContent(string path) => Get(path, () =>
    {
        var place = At(path);
        if (place.Find(_stop.Token) is null)
            throw new ItemNotFoundException(); // Set-Content makes the file then
        if (ShouldProcess(path, "Clear content"))
            place.Volume.WriteFile(place.ItemPath, Stream.Null, append: false, _stop.Token);
        return true;
    });

    /// <inheritdoc/>
    public object? ClearContentDynamicParameters(string path) => null;
}
