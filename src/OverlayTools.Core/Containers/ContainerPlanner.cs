namespace OverlayTools.Containers;

/// <summary>
/// Turns a request, and what is known of the images and the machine, into a plan: pure calculation. Rules and order are
/// Apptainer's, so that an overlay shows the same tree in both.
/// </summary>
public static class ContainerPlanner
{
    /// <summary>Refuses combinations that cannot work, before any image is opened.</summary>
    /// <exception cref="EngineException"><see cref="ErrorIds.OptionConflict"/>, <see cref="ErrorIds.ContainerOptionInvalid"/>
    /// or <see cref="ErrorIds.TooManyWritableOverlays"/>.</exception>
    public static void CheckOptions(ContainerRequest request) => OptionRules.Check(request);

    /// <summary>Makes the plan.</summary>
    /// <param name="request">What the user asked for.</param>
    /// <param name="stack">The opened image and overlays.</param>
    /// <param name="facts">The user and the machine.</param>
    /// <param name="sessionDirectory">An empty directory of the user's own.</param>
    /// <exception cref="EngineException">When the request cannot be carried out here; the message says what is missing.</exception>
    public static ContainerPlan Plan(ContainerRequest request, LayerStack stack, MachineFacts facts, string sessionDirectory)
    {
        var writable = stack.Overlays.Where(layer => !layer.ReadOnly).ToList();
        if (request.WritableTmpfs && writable.Count > 0)
            throw OptionRules.Conflict($"-WritableTmpfs and the writable overlay '{writable[0].Path}'",
                $"Give the overlay read-only: '{writable[0].Path}:ro'.");

        var identity = IdentityPlanner.Plan(request, facts);
        if (writable.Count > 0)
            OwnerDiagnosis.Require(writable[0], identity, request.FakeRoot);

        var missing = new List<HelperProgram>();
        string? Need(HelperProgram helper)
        {
            var path = facts.FindHelper(helper);
            if (path is null && !missing.Contains(helper))
                missing.Add(helper);
            return path;
        }

        if (identity.InUserNamespace)
            _ = Need(HelperProgram.Unshare);
        // Root writes the maps itself.
        if (identity.Kind == IdentityKind.SubordinateIds && facts.UserId != 0)
        {
            _ = Need(HelperProgram.NewUidMap);
            _ = Need(HelperProgram.NewGidMap);
        }

        var layers = new List<LayerPlan> { Layer(stack.Root, identity, content: string.Empty, Need) };
        layers.AddRange(stack.Overlays.Select(layer => Layer(layer, identity, layer.HasUpper ? "upper" : string.Empty, Need)));
        if (request.WritableTmpfs)
            layers.Add(new LayerPlan { Driver = LayerDriver.Tmpfs, Path = "tmpfs", ReadOnly = false, Content = "upper", SizeBytes = request.TmpfsSizeBytes });

        var images = stack.DataImages.Select(image => Layer(image, identity, string.Empty, Need)).ToList();
        var plan = Stack(request, stack, layers, identity, facts);
        if (plan.Driver == StackDriver.Fuse && plan.FuseProgram is null)
            _ = Need(HelperProgram.FuseOverlayfs);
        if (missing.Count > 0)
            throw HelperProgram.NotFound(missing);

        var warnings = new List<string>();
        var fakeRoot = IdentityPlanner.FakeRoot(request, identity, facts);
        var home = HomePlanner.Inside(request, identity, facts);
        var account = Account(identity, facts, home, isWritable: layers.Exists(layer => !layer.ReadOnly));
        var mounts = MountPlanner.Plan(request, identity, facts, account is not null, warnings);
        if (fakeRoot is not null)
            mounts.AddRange(FakeRootPlanner.Mounts(fakeRoot));
        return new ContainerPlan
        {
            Identity = identity,
            SessionDirectory = sessionDirectory,
            Layers = layers,
            Stack = plan,
            DataImages = images,
            Mounts = mounts,
            StageSizeBytes = request.TmpfsSizeBytes,
            Namespaces = new NamespacePlan(request.PidNamespace, request.IpcNamespace, request.NetworkNone, request.Hostname),
            Account = account,
            NoPrivileges = request.NoPrivileges,
            FileModeMask = facts.FileModeMask,
            CommandPrefix = fakeRoot is null ? [] : FakeRootPlanner.Prefix,
            CommandPrefixNeeds = fakeRoot?.Loader,
            Action = request.Action,
            ShellPath = request.ShellPath,
            TakesTerminal = request.Action == ContainerAction.Shell,
            Command = request.Command,
            Environment = EnvironmentPlanner.Plan(request, facts, home, fakeRoot is not null, warnings),
            WorkingDirectories = request.WorkingDirectory is { } directory ? [directory]
                : request.Contain ? [home, "/"] : [request.CurrentDirectory, home, "/"],
            WorkingDirectoryRequired = request.WorkingDirectory is not null,
            Warnings = warnings,
        };
    }

    // Root of a container that can be written edits the files for good: they are its own, and not covered (of all the
    // overlays, whichever comes last).
    private static AccountPlan? Account(IdentityPlan identity, MachineFacts facts, string home, bool isWritable)
    {
        if (identity.UserId != 0)
        {
            GroupName[] own = facts.Groups.Any(group => group.Id == identity.GroupId) ? [] : [new GroupName(identity.GroupId, facts.UserName)];
            return new AccountPlan(facts.UserName, identity.UserId, identity.GroupId, facts.FullName, home, [.. own, .. facts.Groups]);
        }

        return isWritable ? null : new AccountPlan("root", 0, 0, "root", home, []);
    }

    private static LayerPlan Layer(
        LayerSource source, IdentityPlan identity, string content, Func<HelperProgram, string?> need)
    {
        var (driver, helper) = (source.Kind, identity.InUserNamespace) switch
        {
            (LayerKind.Directory, _) => (LayerDriver.Bind, null),
            (LayerKind.Squashfs, false) => (LayerDriver.LoopSquashfs, null),
            (LayerKind.Squashfs, true) => (LayerDriver.Squashfuse, HelperProgram.Squashfuse),
            (_, false) => (LayerDriver.LoopExt3, null),
            (_, true) => (LayerDriver.Fuse2fs, HelperProgram.Fuse2fs),
        };
        return new LayerPlan
        {
            Driver = driver,
            Path = source.Path,
            Descriptor = source.File < 0 ? -1 : InitProtocol.FirstImageDescriptor + source.File,
            Offset = source.Offset,
            Length = source.Length,
            ReadOnly = source.ReadOnly,
            Content = content,
            Program = helper is null ? null : need(helper),
        };
    }

    private static StackPlan Stack(
        ContainerRequest request, LayerStack stack, List<LayerPlan> layers, IdentityPlan identity, MachineFacts facts)
    {
        // A writable directory, or bare image, is the tree itself: there is nothing to stack.
        if (request.Writable && !layers[0].ReadOnly)
            return new StackPlan { Driver = StackDriver.None, Lowers = [0] };

        var upper = layers.FindIndex(1, layer => !layer.ReadOnly);
        var lowers = Enumerable.Range(0, layers.Count).Where(index => index != upper).ToList();
        return new StackPlan
        {
            Driver = ChooseDriver(stack, layers, identity),
            Lowers = lowers,
            Upper = upper < 0 ? null : upper,
            KernelOptions = identity.InUserNamespace ? "userxattr" : string.Empty,
            FuseOptions = SquashOptions(identity),
            FuseProgram = facts.FindHelper(HelperProgram.FuseOverlayfs),
        };
    }

    // The kernel's overlayfs is faster and, with userxattr, marks replaced directories properly. But it does not take an
    // upper on fuse2fs, does not read the whiteouts that fuse-overlayfs leaves there (files named .wh.NAME), and keeps
    // files of unmapped owners unwritable, which is every file of an image to a user without subordinate ids.
    private static StackDriver ChooseDriver(LayerStack stack, List<LayerPlan> layers, IdentityPlan identity)
    {
        if (stack.Overlays.Any(layer => layer.HasForeignMarks))
            return StackDriver.Fuse;
        if (!identity.InUserNamespace)
            return StackDriver.Kernel;
        // Only to read, and with nothing deleted, the kernel takes fuse2fs below it: one way through FUSE instead of two.
        if (stack.Overlays.Count > 0 && layers.TrueForAll(layer => layer.ReadOnly) && stack.Overlays.All(layer => layer.HasNoWhiteouts))
            return StackDriver.Kernel;
        if (layers.Skip(1).Any(layer => layer.Driver == LayerDriver.Fuse2fs))
            return StackDriver.Fuse;
        // What one driver wrote the same driver reads: an overlay that is read-only now was writable before.
        return layers.Count == 1 || identity.MapsManyIds || layers[0].Driver == LayerDriver.Bind
            ? StackDriver.Kernel
            : StackDriver.Fuse;
    }

    private static string SquashOptions(IdentityPlan identity) => identity.Kind switch
    {
        IdentityKind.CurrentUser => $"squash_to_uid={identity.UserId},squash_to_gid={identity.GroupId}",
        IdentityKind.RootMapped => "squash_to_root",
        _ => string.Empty,
    };
}
