using OverlayTools.Containers;
using OverlayTools.Native;

namespace OverlayTools.Init;

/// <summary>Mounts one layer as the plan says.</summary>
internal static class LayerMounter
{
    /// <summary>Mounts the layer at the target.</summary>
    /// <returns>The FUSE program that serves it, or null.</returns>
    public static FuseMount? Mount(LayerPlan layer, string target, string log)
    {
        switch (layer.Driver)
        {
            case LayerDriver.Bind:
                BindDirectory(layer, target);
                return null;
            case LayerDriver.Tmpfs:
                Native.Mount.Do("tmpfs", target, "tmpfs", Native.Mount.Flags.NoSetUserId | Native.Mount.Flags.NoDevices,
                    layer.SizeBytes is { } size ? $"mode=755,size={size}" : "mode=755");
                return null;
            case LayerDriver.LoopSquashfs:
                MountLoop(layer, target, "squashfs", null);
                return null;
            case LayerDriver.LoopExt3:
                // An error makes it read-only: nothing is written to a file system that contradicts itself.
                MountLoop(layer, target, "ext3", "errors=remount-ro");
                return null;
            case LayerDriver.Squashfuse:
                return FuseMount.Start(
                    [Program(layer), "-f", "-o", Options(layer, readOnly: true), Image(layer), target],
                    target, log, layer.Descriptor, denyWriting: false);
            case LayerDriver.Fuse2fs:
                // fakeroot: permissions are the overlay's business; fuse2fs sees only its own process as caller.
                return FuseMount.Start(
                    [Program(layer), "-f", "-o", Options(layer, layer.ReadOnly) + ",fakeroot", Image(layer), target],
                    target, log, layer.Descriptor, denyWriting: layer.ReadOnly);
            default:
                throw new InvalidOperationException($"No driver {layer.Driver}.");
        }
    }

    private static void BindDirectory(LayerPlan layer, string target)
    {
        Native.Mount.Do(layer.Path, target, null, Native.Mount.Flags.Bind);
        var attributes = MountAttributes.NoSetUserId | MountAttributes.NoDevices
            | (layer.ReadOnly ? MountAttributes.ReadOnly : 0);
        var errno = MountAttributes.TryAdd(target, attributes);
        if (errno != 0)
            throw new LinuxException("mount_setattr", errno, layer.Path);
    }

    private static void MountLoop(LayerPlan layer, string target, string type, string? data)
    {
        var (device, handle) = LoopDevice.Attach(layer.Descriptor, layer.Offset, layer.Length, layer.ReadOnly);
        using (handle)
        {
            var flags = Native.Mount.Flags.NoSetUserId | Native.Mount.Flags.NoDevices
                | (layer.ReadOnly ? Native.Mount.Flags.ReadOnly : 0);
            var errno = Native.Mount.Try(device, target, type, flags, data);
            if (errno != 0)
                throw new EngineException(ErrorIds.ContainerStartFailed, Explain(layer, type, errno));
        }
    }

    private static string Explain(LayerPlan layer, string type, int errno) => errno switch
    {
        Errno.EINVAL => $"'{layer.Path}' has no {type} file system that this kernel reads: it is damaged, or packed with "
            + "a compression that the kernel was built without.",
        Errno.ENODEV => $"This kernel knows no {type}: load the module with 'modprobe {type}'.",
        Errno.EROFS => $"'{layer.Path}' was not unmounted cleanly, and its journal cannot be replayed read-only. "
            + "Run it once writable.",
        _ => new LinuxException("mount", errno, layer.Path).Message,
    };

    private static string Program(LayerPlan layer) =>
        layer.Program ?? throw new InvalidOperationException($"{layer.Driver} needs a program.");

    private static string Image(LayerPlan layer) => $"/proc/self/fd/{layer.Descriptor}";

    private static string Options(LayerPlan layer, bool readOnly) =>
        "allow_other" + (readOnly ? ",ro" : string.Empty) + (layer.Offset > 0 ? $",offset={layer.Offset}" : string.Empty);
}
