using System.Globalization;

namespace OverlayTools.Benchmarks.Scenarios;

/// <summary>What importing the module takes in a new pwsh, beside a module with one cmdlet that does nothing.</summary>
internal static class ImportTime
{
    private const int MostRuns = 11;
    private const int WantedMilliseconds = 150;

    /// <summary>Imports both, in turn, each in a process of its own, which measures the import alone.</summary>
    public static void ReportAll(Workplace place)
    {
        if (Peer.Find("pwsh") is not { } pwsh)
        {
            Report.Line("pwsh is not here: importing is not measured.");
            return;
        }

        var empty = MakeEmptyModule(place, pwsh);
        var (theirs, ours) = (new List<double>(), new List<double>());
        for (var run = 0; run < Math.Min(place.Options.Runs, MostRuns) + 1; run++)
        {
            theirs.Add(Import(place, pwsh, empty));
            ours.Add(Import(place, pwsh, ModuleAssemblies.Manifest));
        }

        // The first of each is read from the disk.
        var (least, most) = (Sample.Of(theirs.Skip(1)), Sample.Of(ours.Skip(1)));
        Report.Parts(string.Create(CultureInfo.InvariantCulture,
            $"Import-Module in a new pwsh: {most.Median - least.Median:0} ms beyond the empty module (at most {WantedMilliseconds} is wanted)"),
            [("an empty binary module", least), ("OverlayTools", most)]);
    }

    private static double Import(Workplace place, string pwsh, string manifest) => double.Parse(
        PowerShell(place, pwsh,
            $"$w = [Diagnostics.Stopwatch]::StartNew(); Import-Module '{manifest}'; $w.Elapsed.TotalMilliseconds.ToString('R', [cultureinfo]::InvariantCulture)"),
        CultureInfo.InvariantCulture);

    private static string MakeEmptyModule(Workplace place, string pwsh)
    {
        var folder = Directory.CreateDirectory(Path.Combine(place.Folder, "Empty")).FullName;
        PowerShell(place, pwsh, $$"""
            Add-Type -OutputAssembly '{{folder}}/Empty.dll' -TypeDefinition 'using System.Management.Automation;
                [Cmdlet("Get", "Empty")] public sealed class GetEmptyCommand : PSCmdlet { }'
            New-ModuleManifest '{{folder}}/Empty.psd1' -RootModule Empty.dll -CmdletsToExport Get-Empty -FunctionsToExport @() -AliasesToExport @()
            """);
        return Path.Combine(folder, "Empty.psd1");
    }

    private static string PowerShell(Workplace place, string pwsh, string script) =>
        Peer.Read(place.Folder, pwsh, "-NoProfile", "-NonInteractive", "-Command", script);
}
