BeforeAll {
    Import-Module ($env:OVERLAYTOOLS_MANIFEST ?? (Join-Path $PSScriptRoot '../../OverlayTools.psd1'))
}

Describe 'Copy-OverlayImage' {
    BeforeEach {
        $work = (New-Item -ItemType Directory (Join-Path $TestDrive "$([guid]::NewGuid())")).FullName
        $image = Join-Path $work a.img
        $null = New-OverlayImage $image -CreateDirectory /data
    }

    It 'makes one clone for each name, each a file system of its own' {
        Get-Item $image | Copy-OverlayImage -Destination (1..3 | ForEach-Object { "$work/task$_.img" })
        $all = Get-OverlayImage "$work/*.img"
        $all.Count | Should -Be 4
        @($all.Uuid | Sort-Object -Unique).Count | Should -Be 4
        "$work/task2.img" | Get-OverlayItem | ForEach-Object ItemPath | Should -Be '/data'
    }

    It 'keeps the UUID on request' {
        (Copy-OverlayImage $image "$work/b.img" -Keep Uuid -PassThru).Uuid | Should -Be (Get-OverlayImage $image).Uuid
    }

    It 'makes nothing with -WhatIf' {
        Copy-OverlayImage $image "$work/b.img" -WhatIf
        Test-Path "$work/b.img" | Should -BeFalse
    }
}
