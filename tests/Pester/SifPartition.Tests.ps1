BeforeDiscovery {
    $script:missing = @('siftool', 'mkfs.ext3' | Where-Object { -not (Get-Command $_ -CommandType Application -ErrorAction Ignore) })
}

BeforeAll {
    Import-Module ($env:OVERLAYTOOLS_MANIFEST ?? (Join-Path $PSScriptRoot '../../OverlayTools.psd1'))
}

Describe 'Add-SifPartition' -Skip:($missing.Count -gt 0) {
    BeforeAll {
        $overlay = Join-Path $TestDrive 'overlay.img'
        truncate -s 8M $overlay
        mkfs.ext3 -q $overlay
    }

    BeforeEach {
        $image = Join-Path $TestDrive 'ubuntu.sif'
        siftool new $image
        siftool add $image $overlay --datatype 4 --partfs 2 --parttype 2 --partarch 2 --groupid 1
    }

    It 'takes the command of the user guide word for word' {
        Add-SifPartition $image $overlay -DataType 4 -PartFs 2 -PartType 4 -PartArch 2 -GroupId 1
        (siftool list $image)[-1] | Should -Match 'FS \(Ext3/Overlay/amd64\)'
        siftool dump 2 $image > (Join-Path $TestDrive 'dumped')
        (Get-Item (Join-Path $TestDrive 'dumped')).Length | Should -Be 8MB
        (Get-FileHash (Join-Path $TestDrive 'dumped')).Hash | Should -Be (Get-FileHash $overlay).Hash
    }

    It 'emits the new descriptor with -PassThru, which pipes on' {
        $added = Add-SifPartition $image $overlay -Name data -PartitionType Data -PassThru
        $added.Id | Should -Be 2
        ($added | Get-SifDescriptor).Name | Should -Be 'data'
    }

    It 'keeps the holes of a sparse file' {
        $blocks = [long](stat -c %b $image)
        Add-SifPartition $image $overlay
        ([long](stat -c %b $image) - $blocks) | Should -BeLessThan (8MB / 512)
    }

    It 'changes nothing with -WhatIf' {
        $before = (Get-FileHash $image).Hash
        Add-SifPartition $image $overlay -WhatIf
        (Get-FileHash $image).Hash | Should -Be $before
    }

    It 'refuses a second root file system' {
        $before = (Get-FileHash $image).Hash
        { Add-SifPartition $image $overlay -PartitionType PrimarySystem -ErrorAction Stop } |
            Should -Throw -ErrorId 'SifPrimaryPartitionExists,OverlayTools.Commands.AddSifPartitionCommand'
        (Get-FileHash $image).Hash | Should -Be $before
    }

    It 'warns of an overlay that the runtime would ignore' {
        Add-SifPartition $image $overlay -GroupId 5 -WarningVariable warning -WarningAction SilentlyContinue
        $warning | Should -BeLike '*will be ignored*'
    }
}
