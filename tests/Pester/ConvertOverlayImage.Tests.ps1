BeforeAll {
    Import-Module ($env:OVERLAYTOOLS_MANIFEST ?? (Join-Path $PSScriptRoot '../../OverlayTools.psd1'))
    $missing = -not (Get-Command sqfstar -ErrorAction Ignore)
}

Describe 'Convert-OverlayImage and Merge-OverlayImage' {
    BeforeEach {
        if ($missing) { Set-ItResult -Skipped -Because 'it needs sqfstar (squashfs-tools)' }
        $work = (New-Item -ItemType Directory (Join-Path $TestDrive "$([guid]::NewGuid())")).FullName
        $image = Join-Path $work a.img
        $null = New-Item -ItemType Directory "$work/source/data"
        Set-Content "$work/source/data/file" content
        $null = New-OverlayImage $image -Source "$work/source"
    }

    It 'seals an overlay, and makes it writable again' {
        Get-Item $image | Convert-OverlayImage -Destination "$work/s.sqfs"
        Convert-OverlayImage "$work/s.sqfs" "$work/b.img"
        (Get-OverlayItem "$work/b.img" -Recurse).ItemPath | Should -Be '/data', '/data/file'
        Test-OverlayImage "$work/b.img" | Should -BeTrue
    }

    It 'merges two into one' {
        $null = New-OverlayImage "$work/c.img" -CreateDirectory /more
        $made = Merge-OverlayImage $image, "$work/c.img" "$work/both.img" -PassThru
        $made.FileSystem | Should -Be Ext3
        (Get-OverlayItem "$work/both.img").ItemPath | Should -Be '/data', '/more'
    }

    It 'merges with a base into a SIF image' {
        $null = New-Item -ItemType Directory "$work/root/etc"
        Merge-OverlayImage $image "$work/m.sif" -Base "$work/root"
        (Get-SifImage "$work/m.sif").Path | Should -Be "$work/m.sif"
    }

    It 'makes nothing with -WhatIf' {
        Convert-OverlayImage $image "$work/s.sqfs" -WhatIf
        Test-Path "$work/s.sqfs" | Should -BeFalse
    }
}
