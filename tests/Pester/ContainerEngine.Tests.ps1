BeforeAll {
    Import-Module ($env:OVERLAYTOOLS_MANIFEST ?? (Join-Path $PSScriptRoot '../../OverlayTools.psd1'))
}

Describe 'Get-ContainerEngine' {
    It 'names the three engines, our own first' {
        (Get-ContainerEngine).Engine | Should -Be 'Native', 'Apptainer', 'Singularity'
    }

    It 'says why one is not available, or what it cannot do' {
        Get-ContainerEngine | Where-Object { -not $_.Available } | ForEach-Object { $_.Reason | Should -Not -BeNullOrEmpty }
    }

    It 'emits a capability for each thing that the native engine needs' {
        $capabilities = Get-ContainerEngine Native -Detailed
        $capabilities.Name | Should -Contain 'UserNamespaces'
        $capabilities.Name | Should -Contain 'FuseDevice'
        $capabilities | ForEach-Object { $_.Purpose | Should -Not -BeNullOrEmpty }
        $capabilities | Where-Object State -In Missing, Blocking | ForEach-Object { $_.Detail | Should -Not -BeNullOrEmpty }
    }

    It 'shows the state in words' {
        Get-ContainerEngine Native | Out-String | Should -Match 'available|limited'
        Get-ContainerEngine Native -Detailed | Out-String | Should -Match 'KernelOverlayfs +(available|missing|blocking)'
    }

    It 'leaves nothing behind' {
        $before = @(Get-ChildItem ([IO.Path]::GetTempPath()) -Filter 'overlaytools-*').Count
        Get-ContainerEngine | Out-Null
        @(Get-ChildItem ([IO.Path]::GetTempPath()) -Filter 'overlaytools-*').Count | Should -BeLessOrEqual $before
    }

    It 'refuses to pull with the native engine' {
        Invoke-ContainerWithOverlay docker://alpine -Engine Native -ErrorVariable e -ErrorAction SilentlyContinue -- true
        $e[-1].FullyQualifiedErrorId | Should -BeLike 'ContainerImagePull,*'
        $e[-1].CategoryInfo.Category | Should -Be 'NotInstalled'
    }
}
