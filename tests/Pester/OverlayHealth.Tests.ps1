BeforeDiscovery {
    $script:e2fsprogs = [bool](Get-Command debugfs, e2fsck -CommandType Application -ErrorAction Ignore)
}

BeforeAll {
    Import-Module ($env:OVERLAYTOOLS_MANIFEST ?? (Join-Path $PSScriptRoot '../../OverlayTools.psd1'))
}

Describe 'Test-OverlayImage and Repair-OverlayImage' -Skip:(-not $e2fsprogs) {
    BeforeEach {
        $image = Join-Path $TestDrive "$([guid]::NewGuid()).img"
        $null = New-OverlayImage $image
    }

    It 'finds a new image sound' {
        Test-OverlayImage $image -Overlay | Should -BeTrue
    }

    It 'names what is wrong and repairs it with -Full' {
        debugfs -w -R 'sif /upper links_count 9' $image 2>$null
        Test-OverlayImage $image -WarningVariable why -WarningAction SilentlyContinue | Should -BeFalse
        "$why" | Should -Match "LinkCount '/upper'"
        Repair-OverlayImage $image -ErrorVariable left -ErrorAction SilentlyContinue
        $left.FullyQualifiedErrorId | Should -BeLike 'OverlayCorrupt,*'
        Repair-OverlayImage $image -Full
        Test-OverlayImage $image | Should -BeTrue
        e2fsck -fn $image 2>$null | Out-Null
        $LASTEXITCODE | Should -Be 0
    }

    It 'changes nothing with -WhatIf' {
        debugfs -w -R 'setb 9000 5' $image 2>$null
        $before = (Get-FileHash $image).Hash
        Repair-OverlayImage $image -WhatIf
        (Get-FileHash $image).Hash | Should -Be $before
    }

    It 'repairs bitmaps and shows what it did' {
        debugfs -w -R 'setb 9000 5' $image 2>$null
        Repair-OverlayImage $image -PassThru | Out-String -Width 200 | Should -Match 'ReplayedTransactions\s+RepairedBlocks\s+Errors'
        Test-OverlayImage $image | Should -BeTrue
    }

    It 'takes files from the pipeline' {
        Get-Item $image | Test-OverlayImage | Should -BeTrue
    }
}
