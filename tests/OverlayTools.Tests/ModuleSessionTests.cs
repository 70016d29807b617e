using OverlayTools.Commands;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests;

public class ModuleSessionTests
{
    [Fact]
    public void The_module_and_the_tests_share_one_copy_of_the_assemblies()
    {
        var known = typeof(OverlayToolsCommand).Assembly;
        using var session = new ModuleSession();
        session.Run("Get-Module OverlayTools");
        var loaded = AppDomain.CurrentDomain.GetAssemblies().Where(item => item.GetName().Name == "OverlayTools");
        Assert.Same(known, Assert.Single(loaded));
        Assert.Equal(Path.Combine(Machine.ModuleBin, "OverlayTools.dll"), known.Location);
        Assert.Equal(
            Path.Combine(Machine.ModuleBin, "OverlayTools.Core.dll"), typeof(EngineException).Assembly.Location);
    }

    [Fact]
    public void Every_stream_of_a_script_is_returned()
    {
        using var session = new ModuleSession();
        var output = session.Run("""
            function f { [CmdletBinding()] param()
                $PSCmdlet.WriteWarning('careful'); $PSCmdlet.WriteVerbose('detail')
                $PSCmdlet.WriteProgress([Management.Automation.ProgressRecord]::new(1, 'Working', 'on it'))
                $PSCmdlet.WriteError(
                    [Management.Automation.ErrorRecord]::new([Exception]::new('wrong'), 'Id', 0, $null)) }
            $args; f -Verbose
            """, 1, "two");
        Assert.Equal([1, "two"], output.Select(item => item.BaseObject));
        Assert.Equal("careful", Assert.Single(session.Warnings));
        Assert.Equal("detail", Assert.Single(session.Verbose));
        Assert.Equal("Working", Assert.Single(session.Progress).Activity);
        Assert.StartsWith("Id", Assert.Single(session.Errors).FullyQualifiedErrorId);
    }
}
