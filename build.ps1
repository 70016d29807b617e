#!/usr/bin/env pwsh
<#
.SYNOPSIS
Builds, tests, documents and packages OverlayTools.

.DESCRIPTION
The PowerShell face of the dotnet commands. Tasks run in the order given; one that fails ends the script.

Build    builds the whole solution, which fills bin/: `Import-Module ./OverlayTools.psd1` works from then on. In Release,
         bin/x64 (or bin/arm64, on such a machine) has the engine compiled ahead. Where the package of that compiler
         (microsoft.netcore.app.crossgen2) cannot be had, set the environment variable PublishReadyToRun to false.
Test     builds, and runs all xunit tests.
Docs     makes the help in en-US/ from the pages in docs/en-US. Needs the module Microsoft.PowerShell.PlatyPS.
Picture  records the session of docs/images/session.txt and draws it: docs/images/session.svg. Root records it as an ordinary user.
Package  builds, and puts the module into out/OverlayTools/<version>/, and a .nupkg for a gallery beside it.
Pester   packages, and runs tests/Pester on the package. Needs the module Pester, 5 or 6. Root runs them twice: as root with the
         newest Pester, and as an ordinary user with the oldest. All of that under each PowerShell of -PwshPath.
Bench    runs the benchmarks, optimised.
Clean    removes what these tasks made, save en-US/.

.EXAMPLE
./build.ps1

.EXAMPLE
./build.ps1 -Task Test, Pester -PesterVersion 5.9.0

.EXAMPLE
./build.ps1 -Task Pester -AllPester

.EXAMPLE
./build.ps1 -Task Pester -PwshPath /opt/microsoft/powershell/7/pwsh, /opt/pwsh-7.4/pwsh
#>
[CmdletBinding()]
param(
    # What to do.
    [Parameter(Position = 0)]
    [ValidateSet('Build', 'Test', 'Pester', 'Docs', 'Picture', 'Package', 'Bench', 'Clean')]
    [string[]] $Task = 'Build',

    # Release is optimised. The benchmarks are always built so.
    [ValidateSet('Release', 'Debug')]
    [string] $Configuration = 'Release',

    # The version of Pester; the newest one installed when left out, and the oldest for the ordinary user.
    [version] $PesterVersion,

    # Every Pester that is installed, and as root each of them as both.
    [switch] $AllPester,

    # Whom root runs Pester as, too: an account that is made where there is none.
    [string] $User = 'ot-tester',

    # The PowerShell programs, of any version that the module supports, to run Pester in. Left out: those that the environment variable
    # OVERLAYTOOLS_PWSH names, separated by colons, or else the one that runs this script.
    [string[]] $PwshPath = ($env:OVERLAYTOOLS_PWSH ? $env:OVERLAYTOOLS_PWSH -split ':' : (Join-Path $PSHOME pwsh)),

    # Words for the benchmarks, for example a filter.
    [string[]] $BenchArgument = @()
)

$ErrorActionPreference = 'Stop'
Set-StrictMode -Version 3

$manifest = Join-Path $PSScriptRoot OverlayTools.psd1
$output = Join-Path $PSScriptRoot out
$version = (Import-PowerShellDataFile $manifest).ModuleVersion
$package = Join-Path $output OverlayTools $version

function Invoke-Program([string] $Name) {
    if (-not (Get-Command $Name -CommandType Application -ErrorAction Ignore)) {
        throw "The program '$Name' is not installed."
    }
    & $Name @args
    if ($LASTEXITCODE -ne 0) {
        throw "$Name $args failed with exit code $LASTEXITCODE."
    }
}

function Assert-Module([string] $Name, [version] $Least, [version] $Exactly) {
    $found = @(Get-Module -ListAvailable $Name | Where-Object {
            $_.Version -ge $Least -and (-not $Exactly -or $_.Version -eq $Exactly) } | Sort-Object Version)
    if ($found.Count -eq 0) {
        $wanted = $Exactly ? "$Name $Exactly" : "$Name $Least or later"
        $option = $Exactly ? "-RequiredVersion $Exactly" : "-MinimumVersion $Least"
        throw "The PowerShell module $wanted is not installed. Install it with: Install-Module $Name $option -Scope CurrentUser"
    }
    $found[-1]
}

function Invoke-Build {
    Invoke-Program dotnet build $PSScriptRoot --configuration $Configuration
}

function Invoke-Test {
    Invoke-Program dotnet test $PSScriptRoot --configuration $Configuration
}

function Invoke-Docs {
    $platyPS = Assert-Module Microsoft.PowerShell.PlatyPS 1.0.0
    $parts = Join-Path ([IO.Path]::GetTempPath()) "overlaytools-help-$PID"
    # In a process of its own: a session that has the module's older namesake loaded cannot load this one.
    Invoke-Program pwsh -NoProfile -NonInteractive -Command {
        param($module, $pages, $parts)
        $ErrorActionPreference = 'Stop'
        Import-Module $module
        $bad = Test-MarkdownCommandHelp -Path "$pages/*.md" -DetailView | Where-Object IsValid -NE $true
        if ($bad) { throw "These pages are not as platyPS wants them: $($bad.Path -join ', ')" }
        Measure-PlatyPSMarkdown -Path "$pages/*.md" | Where-Object FileType -Match CommandHelp |
            Import-MarkdownCommandHelp -Path { $_.FilePath } | Export-MamlCommandHelp -OutputFolder $parts -Force
    } -args $platyPS.Path, (Join-Path $PSScriptRoot docs en-US), $parts | Out-Null
    $target = Join-Path $PSScriptRoot en-US
    $null = New-Item $target -ItemType Directory -Force
    # Its last line has an end, as every text file here.
    $help = [IO.File]::ReadAllText((Join-Path $parts OverlayTools OverlayTools.dll-Help.xml)).TrimEnd()
    [IO.File]::WriteAllText((Join-Path $target OverlayTools.dll-Help.xml), $help.ReplaceLineEndings("`n") + "`n")
    Remove-Item $parts -Recurse
    Get-Item (Join-Path $target OverlayTools.dll-Help.xml)
}

function Invoke-Picture {
    Invoke-Build
    . (Join-Path $PSScriptRoot docs images session.ps1)
    $folder = New-Item /tmp/demo -ItemType Directory
    try {
        $become = (id -u) -eq '0' ? (Get-UserSwitch $User) : @()
        if ($become) { Invoke-Program chown $User $folder }
        $session = Get-Session $manifest $folder $become
    }
    finally {
        Remove-Item $folder -Recurse -Force
    }
    $images = Join-Path $PSScriptRoot docs images
    [IO.File]::WriteAllText((Join-Path $images session.ansi), $session)
    [IO.File]::WriteAllText((Join-Path $images session.svg), (ConvertTo-SessionSvg $session))
    Get-Item (Join-Path $images session.svg)
}

# Makes the account where there is none; the words before a command that run it as its user, in a fresh environment.
function Get-UserSwitch([string] $Name) {
    Invoke-Program sh (Join-Path $PSScriptRoot tests Shared ordinary-user.sh) $Name
    'setpriv', '--reuid', $Name, '--regid', $Name, '--init-groups', '--reset-env'
}

function Invoke-Package {
    Invoke-Build
    if (Test-Path $package) {
        Remove-Item $package -Recurse
    }
    Remove-Item (Join-Path $output *.nupkg) -ErrorAction Ignore
    $null = New-Item $package -ItemType Directory -Force
    foreach ($item in 'OverlayTools.psd1', 'bin', 'en-US', 'LICENSE', 'README.md') {
        $source = Join-Path $PSScriptRoot $item
        if (Test-Path $source) {
            Copy-Item $source $package -Recurse
        }
        else {
            Write-Warning "The package lacks '$item': there is no such file."
        }
    }
    # Every error id, to look up.
    $null = New-Item (Join-Path $package docs) -ItemType Directory
    Copy-Item (Join-Path $PSScriptRoot docs errors.md) (Join-Path $package docs)
    # Comments on the source, and where its lines are: for compilers and debuggers.
    Get-ChildItem (Join-Path $package bin) -Recurse -Include *.xml, *.pdb | Remove-Item
    $null = Test-ModuleManifest (Join-Path $package OverlayTools.psd1)
    Get-Item $package
    New-GalleryPackage
}

# The form in which a gallery takes a module (and Publish-PSResource makes it): the module's files, and what it exports as tags.
function New-GalleryPackage {
    $data = Import-PowerShellDataFile $manifest
    $tags = @($data.PrivateData.PSData.Tags) + 'PSModule', 'PSIncludes_Cmdlet' + ($data.CmdletsToExport | ForEach-Object { "PSCmdlet_$_" })
    $escape = [Security.SecurityElement]
    $nuspec = Join-Path $output OverlayTools.nuspec
    @"
<?xml version="1.0" encoding="utf-8"?>
<package xmlns="http://schemas.microsoft.com/packaging/2011/08/nuspec.xsd">
  <metadata>
    <id>OverlayTools</id>
    <version>$version</version>
    <authors>$($escape::Escape($data.Author))</authors>
    <requireLicenseAcceptance>false</requireLicenseAcceptance>
    <license type="expression">MIT</license>
    <readme>README.md</readme>
    <description>$($escape::Escape($data.Description))</description>
    <copyright>$($escape::Escape($data.Copyright))</copyright>
    <tags>$($tags -join ' ')</tags>
  </metadata>
  <files>
    <file src="**" target="" />
  </files>
</package>
"@ | Set-Content $nuspec
    try {
        Invoke-Program dotnet pack (Join-Path $PSScriptRoot src OverlayTools) --no-build --configuration $Configuration --output $output `
            "-p:NuspecFile=$nuspec" "-p:NuspecBasePath=$package" '-p:NoDefaultExcludes=true' '-p:NoWarn=NU5100%3BNU5110%3BNU5111%3BNU5128%3BNU5119' | Out-Null
    }
    finally {
        Remove-Item $nuspec
    }
    Get-Item (Join-Path $output "OverlayTools.$version.nupkg")
}

function Invoke-Pester {
    $found = @(Get-Module -ListAvailable Pester | Where-Object Version -GE 5.0.0 | Sort-Object Version)
    $newest = Assert-Module Pester 5.0.0 $PesterVersion
    # As a user the oldest, so that one run has both that differ most.
    $asUser = $PesterVersion ? $newest : $found[0]
    Invoke-Package
    $isRoot = (id -u) -eq '0'
    $runs = foreach ($pester in $AllPester ? $found : $newest) { @{ Pester = $pester; User = '' } }
    $runs = @($runs) + $(foreach ($pester in $AllPester ? $found : $asUser) { if ($isRoot) { @{ Pester = $pester; User = $User } } })
    $failed = foreach ($pwsh in (Get-Command $PwshPath -CommandType Application).Source) {
        $name = (& $pwsh --version) -replace '-0-g.*'
        foreach ($run in $runs) {
            $what = "Pester $($run.Pester.Version) on $name as $($run.User ? $run.User : (id -un))"
            Write-Host $what
            if (-not (Test-Package $run.Pester $run.User $pwsh)) { $what }
        }
    }
    if ($failed) { throw "These runs failed: $($failed -join ', ')." }
}

# Whether all of tests/Pester passes on the package, as somebody else where a name is given.
function Test-Package($Pester, [string] $As, [string] $Pwsh) {
    # In a folder that everybody may read, which a checkout and a user's modules need not be.
    $folder = Join-Path ([IO.Path]::GetTempPath()) "overlaytools-pester-$PID"
    try {
        $null = New-Item $folder/tests, $folder/out/OverlayTools -ItemType Directory
        Copy-Item (Join-Path $PSScriptRoot tests Pester), (Join-Path $PSScriptRoot tests run-pester.ps1) $folder/tests -Recurse
        Copy-Item (Join-Path $PSScriptRoot docs), (Join-Path $PSScriptRoot README.md) $folder -Recurse
        Copy-Item $package $folder/out/OverlayTools -Recurse
        Copy-Item (Join-Path $output *.nupkg) $folder/out
        Copy-Item $Pester.ModuleBase $folder/Pester -Recurse
        chmod -R a+rX $folder
        $become = $As ? (Get-UserSwitch $As) : @()
        # In a process of its own: this one may have another Pester, or another build of the module. With the tools of administrators,
        # which judge what the module writes.
        # Without the modules of the PowerShell that runs this script, which another version must not take for its own.
        & env -C $folder @become env -u PSModulePath "PATH=$(Split-Path $Pwsh):/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin" "OVERLAYTOOLS_MANIFEST=$folder/out/OverlayTools/$version/OverlayTools.psd1" `
            $Pwsh -NoProfile -NonInteractive -File $folder/tests/run-pester.ps1 $folder | Out-Host
        $LASTEXITCODE -eq 0
    }
    finally {
        Remove-Item $folder -Recurse -Force
    }
}

function Invoke-Bench {
    Invoke-Program dotnet run --project (Join-Path $PSScriptRoot tests OverlayTools.Benchmarks) `
        --configuration Release '--' @BenchArgument
}

function Invoke-Clean {
    # A checkout may have other files of its owner's: only what a build makes goes.
    $made = @('bin', 'out', 'artifacts', 'BenchmarkDotNet.Artifacts') | ForEach-Object { Join-Path $PSScriptRoot $_ }
    $made += Get-ChildItem (Join-Path $PSScriptRoot src), (Join-Path $PSScriptRoot tests) -Directory -Recurse |
        Where-Object { $_.Name -in 'bin', 'obj', 'TestResults' } | ForEach-Object FullName
    $made | Where-Object { Test-Path $_ } | Remove-Item -Recurse -Force
}

foreach ($one in $Task) {
    & "Invoke-$one"
}
