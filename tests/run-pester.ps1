# Runs the tests of a folder that build.ps1 has laid out, with the Pester in it, and says why what was skipped was.
param([string] $Folder)
Import-Module (Join-Path $Folder Pester Pester.psd1)
$wanted = New-PesterConfiguration
$wanted.Run.Path = Join-Path $Folder tests Pester
$wanted.Run.PassThru = $true
$result = Invoke-Pester -Configuration $wanted
$result.Skipped | ForEach-Object {
    $reason = $_.ErrorRecord ? "$($_.ErrorRecord[0])" : 'by its condition'
    "Skipped: $($_.ExpandedPath): $reason"
}
exit ($result.Result -eq 'Passed' ? 0 : 1)
