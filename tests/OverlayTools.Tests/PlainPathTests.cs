using System.Management.Automation;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests;

/// <summary>Paths that are resolved without PowerShell are what PowerShell makes of them.</summary>
public sealed class PlainPathTests
{
    private static readonly string[] s_paths =
    [
        "a.img", "/tmp/a.img", "sub/a.img", "./a.img", "../a.img", "a//b", "/a/./b", "/a/../b", "a/", "/", "~/a", "~", "a~b",
        "a\\b", "tmp:a", "temp:/a", "FileSystem::/tmp/a", "a[1].img", "a*.img", "`a", " a", "ä", "//tmp/a", ".hidden", "..x", "Env:PATH",
    ];

    [Theory]
    [InlineData("/")]
    [InlineData("sub")]
    [InlineData("sub [1]")]
    [InlineData("Temp:/")]
    [InlineData("Mine:/sub")]
    [InlineData("Env:/")]
    public void A_path_is_what_PowerShell_makes_of_it(string location)
    {
        using var directory = new TemporaryDirectory();
        Directory.CreateDirectory(directory["sub"]);
        Directory.CreateDirectory(directory["sub [1]"]);
        using var session = new ModuleSession(directory.Path);
        var state = Assert.IsType<SessionState>(session.Run("$ExecutionContext.SessionState").Single().BaseObject);
        state.Drive.New(new PSDriveInfo("Mine", state.Provider.GetOne("FileSystem"), directory.Path, null, null), "Global");
        state.Path.SetLocation(WildcardPattern.Escape(location));
        var paths = state.Path;
        var plain = 0;
        foreach (var path in s_paths)
        {
            if (PlainPath.TryResolve(paths, path) is not { } resolved)
                continue;
            plain++;
            var expected = session.Lines("$ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($args[0])", path).Single();
            Assert.Equal(expected, resolved);
        }

        // Elsewhere than in the file system as a whole, PowerShell decides.
        Assert.Equal(location.Contains(':', StringComparison.Ordinal), plain == 0);
    }

    [Fact]
    public void Wildcards_find_what_PowerShell_finds()
    {
        using var directory = new TemporaryDirectory();
        foreach (var name in new[] { "a.sif", "B.SIF", "c[1].sif", ".d.sif", "e~f.sif", "g:h.sif", "i.txt", "j k.sif" })
            File.WriteAllText(directory[name], "no image");
        using var session = new ModuleSession(directory.Path);
        var expected = session.Lines("$ExecutionContext.SessionState.Path.GetResolvedPSPathFromPSPath('*.sif') | ForEach-Object ProviderPath");
        session.Run("Get-SifDescriptor *.sif");
        Assert.Equal(expected, session.Errors.Select(error => error.TargetObject.ToString()!));
        Assert.Equal(6, expected.Count);
    }
}
