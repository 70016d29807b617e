using System.Diagnostics;
using Microsoft.Win32.SafeHandles;
using OverlayTools.IO;
using OverlayTools.Native;

namespace OverlayTools.Overlays;

/// <summary>
/// Says what overlay images are like, and who uses them. The images are only read, without a lock: one that somebody
/// writes can be looked at too. One inspector is made for many images, since one look at all processes serves them.
/// </summary>
public sealed class OverlayInspector
{
    private static readonly TimeSpan s_freshness = TimeSpan.FromSeconds(1);

    private readonly Stopwatch _sinceLook = new();
    private ImageUsers? _users;

    /// <summary>Describes an image file, or the ext3 partitions of a SIF image.</summary>
    /// <param name="path">The file.</param>
    /// <param name="id">The one partition that is meant; null for all.</param>
    /// <param name="token">Stops the work.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.OverlayFileNotFound"/>, <see cref="ErrorIds.OverlayNotExt3"/>,
    /// <see cref="ErrorIds.OverlayCorrupt"/>, <see cref="ErrorIds.OptionConflict"/>,
    /// <see cref="ErrorIds.SifDescriptorNotFound"/>, and what reading a SIF image raises.</exception>
    public IReadOnlyList<OverlayImage> Inspect(string path, uint? id = null, CancellationToken token = default)
    {
        using var file = OverlayFile.OpenExisting(path, Open.ReadOnly);
        var images = new List<OverlayImage>();
        foreach (var location in OverlayLocation.Find(file, path, id))
        {
            token.ThrowIfCancellationRequested();
            var image = OverlayReader.Describe(file, path, location.Id, location.Offset, location.Length, token);
            images.Add(WithUsers(image, file, location));
        }

        return images;
    }

    private OverlayImage WithUsers(OverlayImage image, SafeFileHandle file, OverlayLocation location)
    {
        var length = location.Id is null ? 0 : location.Length;
        var held = FileLock.Query(file, location.Offset, length);
        var users = Users(renew: false).Of(file, location.Offset, length);
        if (held is not null && !Explain(users))
            users = Users(renew: true).Of(file, location.Offset, length);

        var use = UseOf(held, users);
        var writes = use == OverlayUse.Writing || (use == OverlayUse.HeldElsewhere && held == true);
        var mark = WriterMark.Read(file, location.Offset);
        return image with
        {
            Use = use,
            Users = users,
            WriterMark = mark is not null && use == OverlayUse.Free ? mark with { IsStale = true } : mark,
            IsStale = writes,
            State = writes && image.State is not (OverlayState.Errors or OverlayState.Damaged) ? OverlayState.InUse : image.State,
        };
    }

    private static OverlayUse UseOf(bool? held, IReadOnlyList<ImageUser> users)
    {
        if (held is not null && !Explain(users))
            return OverlayUse.HeldElsewhere;
        if (users.Any(user => user.Access == ImageAccess.Write))
            return OverlayUse.Writing;
        return users.Count > 0 ? OverlayUse.Reading : OverlayUse.Free;
    }

    // A loop device keeps the lock of the open file that it was given.
    private static bool Explain(IReadOnlyList<ImageUser> users) =>
        users.Any(user => user.Kind is not (ImageUseKind.Flock or ImageUseKind.OpenFile));

    private ImageUsers Users(bool renew)
    {
        if (_users is null || renew || _sinceLook.Elapsed > s_freshness)
        {
            _users = ImageUsers.Look();
            _sinceLook.Restart();
        }

        return _users;
    }
}
