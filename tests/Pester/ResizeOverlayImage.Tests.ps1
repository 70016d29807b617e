BeforeAll {
    Import-Module ($env:OVERLAYTOOLS_MANIFEST ?? (Join-Path $PSScriptRoot '../../OverlayTools.psd1'))
    $env:PATH += ':/usr/sbin:/sbin'
}

Describe 'Resize-OverlayImage' {
    BeforeEach {
        $folder = Join-Path $TestDrive ([guid]::NewGuid())
        $null = New-Item $folder -ItemType Directory
        $image = Join-Path $folder overlay.img
        $null = New-OverlayImage $image -CreateDirectory /data
    }

    It 'grows an image that e2fsck then finds clean' {
        if (-not (Get-Command e2fsck -ErrorAction Ignore)) { Set-ItResult -Skipped -Because 'it needs e2fsck' }
        Resize-OverlayImage $image 1GB | Should -BeNullOrEmpty
        (Get-Item $image).Length | Should -Be 1GB
        $report = e2fsck -fn $image 2>&1 | Out-String
        $LASTEXITCODE | Should -Be 0 -Because $report
        $report | Should -Not -Match 'Fix\?'
    }

    It 'keeps what the image holds' {
        if (-not (Get-Command debugfs -ErrorAction Ignore)) { Set-ItResult -Skipped -Because 'it needs debugfs' }
        Resize-OverlayImage $image 256MB
        debugfs -R 'stat /upper/data' $image 2>$null | Out-String | Should -Match 'Type: directory'
    }

    It 'shrinks to <Size>, and keeps what the image holds' -ForEach @(
        @{ Size = 32MB; Arguments = @{ SizeBytes = 32MB } }
        @{ Size = 'the minimum'; Arguments = @{ ToMinimumSize = $true } }
    ) {
        if (-not (Get-Command e2fsck, debugfs -ErrorAction Ignore)) { Set-ItResult -Skipped -Because 'it needs e2fsprogs' }
        $shrunk = Resize-OverlayImage $image @Arguments -PassThru
        (Get-Item $image).Length | Should -Be $shrunk.SizeBytes
        $shrunk.SizeBytes | Should -BeLessOrEqual 32MB
        e2fsck -fn $image 2>&1 | Out-String | Should -Not -Match 'Fix\?'
        debugfs -R 'stat /upper/data' $image 2>$null | Out-String | Should -Match 'Type: directory'
    }

    It 'gives an image more inodes' {
        $more = Resize-OverlayImage $image -InodeCount 50000 -PassThru
        $more.InodeCount | Should -BeGreaterOrEqual 49000
        $more.SizeBytes | Should -Be 64MB
        (Get-ChildItem $folder -Force).Count | Should -Be 1
    }

    It 'emits the image with -PassThru' {
        $grown = Resize-OverlayImage $image 128MB -PassThru
        $grown.Path | Should -Be $image
        $grown.SizeBytes | Should -Be 128MB
    }

    It 'takes files and wildcards' {
        $null = New-OverlayImage (Join-Path $folder second.img)
        Get-ChildItem $folder | Resize-OverlayImage -SizeBytes 72MB
        (Get-ChildItem $folder).ForEach({ $_.Length }) | Should -Be 72MB, 72MB
        (Resize-OverlayImage (Join-Path $folder *.img) 80MB -PassThru).Count | Should -Be 2
    }

    It 'refuses <Name> and changes nothing' -ForEach @(
        @{ Name = 'a size below what it holds'; Size = 1MB; Id = 'OverlayBelowMinimumSize' }
        @{ Name = 'a size beyond the reserve'; Size = 100TB; Id = 'OverlaySizeTooLarge' }
    ) {
        $before = (Get-FileHash $image).Hash
        { Resize-OverlayImage $image $Size -ErrorAction Stop } |
            Should -Throw -ErrorId "$Id,OverlayTools.Commands.ResizeOverlayImageCommand"
        (Get-FileHash $image).Hash | Should -Be $before
    }

    It 'goes on after a file that is no overlay' {
        $text = Join-Path $folder a.img
        Set-Content $text 'no overlay'
        Resize-OverlayImage $text, "$folder/none.img", $image 128MB -ErrorVariable failure -ErrorAction SilentlyContinue
        $failure.FullyQualifiedErrorId | ForEach-Object { ($_ -split ',')[0] } | Should -Be OverlayNotExt3, OverlayFileNotFound
        (Get-Item $image).Length | Should -Be 128MB
    }

    It 'changes nothing with -WhatIf' {
        $before = (Get-FileHash $image).Hash
        Resize-OverlayImage $image 1GB -WhatIf
        (Get-FileHash $image).Hash | Should -Be $before
    }
}
