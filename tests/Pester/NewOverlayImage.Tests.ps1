BeforeAll {
    Import-Module ($env:OVERLAYTOOLS_MANIFEST ?? (Join-Path $PSScriptRoot '../../OverlayTools.psd1'))
    $env:PATH += ':/usr/sbin:/sbin'

    function Need([string[]] $Program) {
        $missing = $Program | Where-Object { -not (Get-Command $_ -CommandType Application -ErrorAction Ignore) }
        if ($missing) { Set-ItResult -Skipped -Because "it needs $($missing -join ', ')" }
    }

    function Assert-Clean([string] $Image) {
        $report = e2fsck -fn $Image 2>&1 | Out-String
        $LASTEXITCODE | Should -Be 0 -Because $report
        $report | Should -Not -Match 'Fix\?'
    }
}

Describe 'New-OverlayImage' {
    BeforeEach {
        $folder = Join-Path $TestDrive ([guid]::NewGuid())
        $null = New-Item $folder -ItemType Directory
        $image = Join-Path $folder overlay.img
    }

    It 'makes an image of 64 MiB that e2fsck finds clean' {
        Need e2fsck
        $made = New-OverlayImage $image
        $made.Path | Should -BeExactly $image
        $made.SizeBytes | Should -Be 64MB
        (Get-Item $image).Length | Should -Be 64MB
        Assert-Clean $image
    }

    It 'makes directories that belong to the caller' {
        Need debugfs
        (New-OverlayImage $image -CreateDirectory /var/cache/nginx).Owner | Should -Be "$(id -u):$(id -g)"
        $status = debugfs -R 'stat /upper/var/cache/nginx' $image 2>$null | Out-String
        $status | Should -Match 'Type: directory'
        $status | Should -Match "User:\s+$(id -u)\s+Group:\s+$(id -g)"
    }

    It 'makes an image that is root''s with -FakeRoot' {
        (New-OverlayImage $image -FakeRoot).Owner | Should -Be '0:0'
    }

    It 'has the inodes, label and UUID that were asked for' {
        Need dumpe2fs
        $made = New-OverlayImage $image 600MB -Profile ManySmallFiles -Label data -Uuid 6b1fc39f-9b0a-4d29-b7c8-6ac8d2f3a111
        $made.InodeCount | Should -BeGreaterOrEqual 150000
        $dump = dumpe2fs -h $image 2>$null | Out-String
        $dump | Should -Match 'volume name:\s+data'
        $dump | Should -Match 'UUID:\s+6b1fc39f-9b0a-4d29-b7c8-6ac8d2f3a111'
        (New-OverlayImage $image 600MB -InodeCount 20000 -Force).InodeCount | Should -BeLessThan 21000
        Assert-Clean $image
    }

    It 'belongs to whom it is made for, with the mode <Mode>' -ForEach @(
        @{ Mode = '0750' }, @{ Mode = 1777 }
    ) {
        Need debugfs
        (New-OverlayImage $image -Owner 1234:5678 -Mode $Mode).Owner | Should -Be '1234:5678'
        debugfs -R 'stat /upper' $image 2>$null | Out-String | Should -Match "Mode:\s+0?$("$Mode".TrimStart('0'))\s"
    }

    It 'takes disk space only when it is asked to' {
        (New-OverlayImage $image 128MB).AllocatedBytes | Should -BeLessThan 8MB
        (New-OverlayImage $image 128MB -Preallocate -Force).AllocatedBytes | Should -BeGreaterOrEqual 128MB
    }

    It 'refuses <Name> and leaves nothing' -ForEach @(
        @{ Name = 'a size that is too small'; Arguments = @{ SizeBytes = 1MB }; Id = 'OverlaySizeTooSmall' }
        @{ Name = 'a directory that leads outside'; Arguments = @{ CreateDirectory = '/../etc' }; Id = 'InvalidDirectoryName' }
        @{ Name = 'a label that is too long'; Arguments = @{ Label = 'x' * 17 }; Id = 'OverlayLabelInvalid' }
        @{ Name = 'two ways to count inodes'; Arguments = @{ InodeCount = 5; Profile = 'FewLargeFiles' }; Id = 'OptionConflict' }
        @{ Name = 'a relative directory'; Arguments = @{ CreateDirectory = 'etc' }; Id = 'InvalidDirectoryName' }
    ) {
        { New-OverlayImage $image @Arguments -ErrorAction Stop } |
            Should -Throw -ErrorId "$Id,OverlayTools.Commands.NewOverlayImageCommand"
        Get-ChildItem $folder -Force | Should -BeNullOrEmpty
    }

    It 'keeps an existing file unless it is forced' {
        Set-Content $image mine
        { New-OverlayImage $image -ErrorAction Stop } |
            Should -Throw -ErrorId 'OverlayAlreadyExists,OverlayTools.Commands.NewOverlayImageCommand'
        Get-Content $image | Should -Be mine
        (New-OverlayImage $image -Force).SizeBytes | Should -Be 64MB
    }

    It 'says what to do next' {
        Set-Content $image mine
        New-OverlayImage $image -ErrorVariable failure -ErrorAction SilentlyContinue
        $failure[0].CategoryInfo.Category | Should -Be ResourceExists
        $failure[0].ErrorDetails.RecommendedAction | Should -BeLike '*-Force*'
        $failure[0].TargetObject | Should -Be $image
    }

    It 'changes nothing with -WhatIf' {
        New-OverlayImage $image -WhatIf | Should -BeNullOrEmpty
        Get-ChildItem $folder -Force | Should -BeNullOrEmpty
    }

    It 'goes on after a path that fails' {
        $made = "$folder/no/a.img", $image | New-OverlayImage -ErrorVariable failure -ErrorAction SilentlyContinue
        $made.Path | Should -Be $image
        $failure.FullyQualifiedErrorId | Should -BeLike 'OverlayFileNotFound,*'
    }

    It 'embeds an overlay in a SIF image, once' {
        $sif = Join-Path $folder a.sif
        $null = New-Item (Join-Path $folder root etc) -ItemType Directory
        $made = New-SifImage $sif (Join-Path $folder root) -FileSystem Ext3 | New-OverlayImage
        $made.Id | Should -Be 2
        (Get-SifDescriptor $sif -PartitionType Overlay).SizeBytes | Should -Be 64MB
        $before = (Get-FileHash $sif).Hash
        { New-OverlayImage $sif -Force -ErrorAction Stop } |
            Should -Throw -ErrorId 'SifOverlayExists,OverlayTools.Commands.NewOverlayImageCommand'
        (Get-FileHash $sif).Hash | Should -Be $before
    }

    It 'never replaces a SIF image that may not be written' {
        if ((id -u) -eq 0) { Set-ItResult -Skipped -Because 'root may write to it' }
        $sif = Join-Path $folder a.sif
        $null = New-Item (Join-Path $folder root etc) -ItemType Directory
        $null = New-SifImage $sif (Join-Path $folder root) -FileSystem Ext3
        chmod 444 $sif
        $before = (Get-FileHash $sif).Hash
        { New-OverlayImage $sif -Force -ErrorAction Stop } |
            Should -Throw -ErrorId 'AccessDenied,OverlayTools.Commands.NewOverlayImageCommand'
        (Get-FileHash $sif).Hash | Should -Be $before
    }

    It 'says that a disk is full and leaves nothing on it' {
        if ((id -u) -ne 0) { Set-ItResult -Skipped -Because 'only root can mount a small disk' }
        mount -t tmpfs -o size=8m none $folder
        try {
            { New-OverlayImage $image -Preallocate -ErrorAction Stop } |
                Should -Throw -ErrorId 'DiskFull,OverlayTools.Commands.NewOverlayImageCommand'
            Get-ChildItem $folder -Force | Should -BeNullOrEmpty
        }
        finally {
            umount $folder
        }
    }
}
