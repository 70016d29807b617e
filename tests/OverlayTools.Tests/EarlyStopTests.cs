using OverlayTools.TestSupport;

namespace OverlayTools.Tests;

/// <summary>Cmdlets on the content of overlays whose output nobody wants any more, or that are stopped: they leave nothing
/// open, nothing locked and nothing half done.</summary>
public sealed class EarlyStopTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly ModuleSession _session;

    public EarlyStopTests()
    {
        _session = new ModuleSession(_directory.Path);
        var (exitCode, _, error) = Machine.RunWith("bash", ["-ec", """
            mkdir -p source/many base; for i in $(seq 3000); do echo $i >source/many/$i; done
            for i in 1 2 3 4 5 6 7 8; do head -c 20M /dev/zero | tr '\0' x >source/large$i; done
            """], null, _directory.Path);
        Assert.True(exitCode == 0, error);
        _session.Run("New-OverlayImage a.img 1GB -Source source | Out-Null");
        Assert.Empty(_session.Errors);
    }

    public static TheoryData<string> Commands { get; } =
    [
        "Compare-OverlayImage a.img -Base base",
        "Get-OverlayItem a.img -Recurse",
        "Copy-OverlayItem a.img '/many/*' out -PassThru",
        "Copy-OverlayItem source/* -Image a.img -ItemDestination /copy -Recurse -PassThru",
    ];

    public void Dispose()
    {
        _session.Dispose();
        _directory.Dispose();
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public void Whoever_wants_the_first_object_only_gets_it(string command)
    {
        var found = Assert.Single(_session.Run($"foreach ($once in 1) {{ {command} | ForEach-Object {{ $_; break }} }}"));
        Assert.NotNull(found);
        Assert.Empty(_session.Errors);
        AssertNothingLeft();
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public void What_is_stopped_in_the_middle_of_the_pipeline_ends(string command)
    {
        var marker = _directory["seen"];
        _session.RunAndStop($"{command} | ForEach-Object {{ [IO.File]::WriteAllText('{marker}', ''); [Threading.Thread]::Sleep(20) }}", () => File.Exists(marker));
        Assert.True(File.Exists(marker), "It never began.");
        AssertNothingLeft();
    }

    [Theory]
    [InlineData("Copy-OverlayItem a.img '/*' out -Recurse")]
    [InlineData("Copy-OverlayItem a.img '/large*' out")]
    public void A_copy_that_is_stopped_leaves_complete_files(string command)
    {
        _session.RunAndStop(command, () => Directory.Exists(_directory["out"]) && Directory.EnumerateFileSystemEntries(_directory["out"]).Any());
        AssertNothingLeft();
        foreach (var path in Directory.Exists(_directory["out"]) ? Directory.GetFiles(_directory["out"], "large*") : [])
            Assert.Equal(20 << 20, new FileInfo(path).Length);
    }

    private void AssertNothingLeft()
    {
        if (Directory.Exists(_directory["out"]))
            Assert.Empty(Directory.EnumerateFileSystemEntries(_directory["out"], ".*.tmp", SearchOption.AllDirectories));
        Assert.DoesNotContain(Directory.EnumerateFileSystemEntries("/proc/self/fd").Select(link => new FileInfo(link).LinkTarget),
            target => target == _directory["a.img"] || target?.StartsWith(_directory["out"], StringComparison.Ordinal) == true);
        // It can be written at once, and is sound.
        _session.Run("Set-OverlayImage a.img -Label after");
        Assert.Empty(_session.Errors);
        ImageFiles.AssertClean(_directory["a.img"]);
    }
}
