BeforeAll {
    $manifest = Resolve-Path ($env:OVERLAYTOOLS_MANIFEST ?? (Join-Path $PSScriptRoot '../../OverlayTools.psd1'))
    $module = Split-Path $manifest
    $processor = "$([Runtime.InteropServices.RuntimeInformation]::ProcessArchitecture)".ToLowerInvariant()
    $compiled = Join-Path $module bin $processor OverlayTools.Core.dll

    function Need-CompiledEngine {
        if (-not (Test-Path $compiled)) { Set-ItResult -Skipped -Because 'the module was built without it' }
    }

    # In a new session: this one has its engine already.
    function Get-EngineOf([string] $Module) {
        & (Get-Process -Id $PID).Path -NoProfile -NonInteractive -Command {
            param($manifest)
            Import-Module $manifest -ErrorAction Stop
            [OverlayTools.Overlays.OverlayImage].Assembly.Location
            (Get-Command -Module OverlayTools).Count
        } -args (Join-Path $Module OverlayTools.psd1)
    }
}

Describe 'The engine that was compiled ahead' {
    It 'is what a new session loads' {
        Need-CompiledEngine
        $location, $count = Get-EngineOf $module
        $location | Should -Be $compiled
        [int] $count | Should -BeGreaterThan 20
    }

    It 'has the identity of the portable one' {
        Need-CompiledEngine
        Add-Type -AssemblyName System.Reflection.Metadata
        $identities = foreach ($path in $compiled, (Join-Path $module bin OverlayTools.Core.dll)) {
            $stream = [IO.File]::OpenRead($path)
            try {
                $file = [Reflection.PortableExecutable.PEReader]::new($stream)
                $metadata = [Reflection.Metadata.PEReaderExtensions]::GetMetadataReader($file)
                $metadata.GetGuid($metadata.GetModuleDefinition().Mvid)
            }
            finally { $stream.Dispose() }
        }
        $identities[0] | Should -Be $identities[1]
    }

    It 'gives way to the portable one on another processor' {
        Need-CompiledEngine
        $copy = New-Item (Join-Path $TestDrive OverlayTools) -ItemType Directory
        Copy-Item (Join-Path $module OverlayTools.psd1), (Join-Path $module bin) $copy -Recurse
        # As it looks there: the folder has another name than the processor.
        Rename-Item (Join-Path $copy bin $processor) ($processor -eq 'arm64' ? 'x64' : 'arm64')
        $location, $count = Get-EngineOf $copy
        $location | Should -Be (Join-Path $copy bin OverlayTools.Core.dll)
        [int] $count | Should -BeGreaterThan 20
    }

    It 'gives way to the portable one when there is none' {
        $copy = New-Item (Join-Path $TestDrive Portable) -ItemType Directory
        Copy-Item (Join-Path $module OverlayTools.psd1), (Join-Path $module bin) $copy -Recurse
        Remove-Item (Join-Path $copy bin $processor) -Recurse -ErrorAction Ignore
        $location, $count = Get-EngineOf $copy
        $location | Should -Be (Join-Path $copy bin OverlayTools.Core.dll)
        [int] $count | Should -BeGreaterThan 20
    }
}
