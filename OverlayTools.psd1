@{
    RootModule = 'bin/OverlayTools.dll'
    # Before the root module: it loads the engine that was compiled for this processor, where there is one.
    NestedModules = @('bin/OverlayTools.Loader.dll')
    ModuleVersion = '0.1.0'
    GUID = '5d1c5f57-6f0e-4f4b-9d6e-3f2a8f1c9b64'
    Author = 'The OverlayTools authors'
    CompanyName = 'The OverlayTools authors'
    Copyright = '(c) The OverlayTools authors. MIT licence.'
    Description = 'Persistent overlays for Apptainer and Singularity containers: create, embed, inspect, resize and run them, without mkfs, dd, resize2fs or siftool.'
    PowerShellVersion = '7.4'
    CompatiblePSEditions = @('Core')
    FormatsToProcess = @(
        'bin/Drawings.Format.ps1xml'
        'bin/Sif.Format.ps1xml'
        'bin/Overlays.Format.ps1xml'
        'bin/Containers.Format.ps1xml'
        'bin/Engines.Format.ps1xml'
    )
    CmdletsToExport = @(
        'Add-SifObject'
        'Add-SifPartition'
        'Add-SifSignature'
        'Checkpoint-OverlayImage'
        'Compare-OverlayImage'
        'Convert-OverlayImage'
        'Copy-OverlayImage'
        'Copy-OverlayItem'
        'Export-SifObject'
        'Get-ContainerEngine'
        'Get-ContainerInstance'
        'Get-OverlayImage'
        'Get-OverlayItem'
        'Get-SifDescriptor'
        'Get-SifImage'
        'Get-SifSignature'
        'Invoke-ContainerWithOverlay'
        'Measure-OverlaySource'
        'Merge-OverlayImage'
        'New-OverlayImage'
        'New-SifImage'
        'Optimize-OverlayImage'
        'Optimize-SifImage'
        'Remove-OverlayItem'
        'Remove-SifObject'
        'Repair-OverlayImage'
        'Resize-OverlayImage'
        'Restore-OverlayImage'
        'Set-OverlayImage'
        'Set-SifPrimaryPartition'
        'Show-OverlayUsage'
        'Show-SifLayout'
        'Start-ContainerInstance'
        'Stop-ContainerInstance'
        'Test-OverlayImage'
        'Test-SifImage'
    )
    FunctionsToExport = @()
    VariablesToExport = @()
    AliasesToExport = @()
    PrivateData = @{
        PSData = @{
            Tags = @('Apptainer', 'Singularity', 'Container', 'Overlay', 'SIF', 'ext3', 'HPC', 'Linux', 'PSEdition_Core')
            LicenseUri = 'https://opensource.org/licenses/MIT'
        }
    }
}
