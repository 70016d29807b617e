using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using OverlayTools.Benchmarks;
using OverlayTools.Benchmarks.Scenarios;

if (args is ["--micro", .. var micro])
{
    // In this process: it alone knows where the module's assemblies are.
    var config = DefaultConfig.Instance.AddJob(Job.Default.WithToolchain(InProcessEmitToolchain.Instance));
    BenchmarkSwitcher.FromAssembly(typeof(Options).Assembly).Run(micro.Length > 0 ? micro : ["--filter", "*"], config);
    return 0;
}

if (args is ["--memory", var kind, var path])
{
    PeakMemory.Run(kind, path);
    return 0;
}

if (Options.Parse(args) is not { } options)
{
    Console.Error.WriteLine(Options.Usage);
    return 2;
}

Report.Header(options);
using (var place = new Workplace(options))
{
    IEnumerable<Scenario> scenarios =
    [
        .. options.Wants("image") ? NewImage.All(place) : [],
        .. options.Wants("large") ? LargeImage.All(place) : [],
        .. options.Wants("populate") ? Population.All(place) : [],
        .. options.Wants("copy") ? Copying.All(place) : [],
        .. options.Wants("seal") ? Sealing.All(place) : [],
        .. options.Wants("compare") ? Comparing.All(place) : [],
        .. options.Wants("resize") ? Resizing.All(place) : [],
        .. options.Wants("list") ? ListDescriptors.All(place) : [],
        .. options.Wants("sif") ? SifImages.All(place) : [],
        .. options.Wants("container") ? NoOpContainer.All(place) : [],
    ];
    Report.Table([.. scenarios.Select(scenario => SideBySide.Measure(scenario, options.Runs))]);
    if (options.Wants("image"))
        NewImage.ReportParts(place);
    if (options.Wants("compare"))
        Comparing.ReportRate(place);
    if (options.Wants("sif"))
        SifImages.ReportDiskUse(place);
    if (options.Wants("phases"))
        ContainerPhases.ReportAll(place);
    if (options.Wants("import"))
        ImportTime.ReportAll(place);
    if (options.Wants("large"))
    {
        LargeImage.ReportDiskUse(place);
        PeakMemory.ReportAll(place);
    }
}

if (Environment.UserName == "root" && (options.Wants("container") || options.Wants("phases")) && !options.NoUser)
{
    using var user = new OrdinaryUser(options.User);
    user.Measure(options);
}

return 0;
