BeforeDiscovery {
    $script:debugfs = [bool](Get-Command debugfs -CommandType Application -ErrorAction Ignore)
    $script:losetup = (id -u) -eq '0' -and (Get-Command losetup -CommandType Application -ErrorAction Ignore) -and (Test-Path /dev/loop-control)
}

BeforeAll {
    Import-Module ($env:OVERLAYTOOLS_MANIFEST ?? (Join-Path $PSScriptRoot '../../OverlayTools.psd1'))
    $env:PATH += ':/usr/sbin:/sbin'

    function Get-PlainText($Value, [int] $Width = 80) {
        $style, $PSStyle.OutputRendering = $PSStyle.OutputRendering, 'PlainText'
        try { $Value | Out-String -Width $Width } finally { $PSStyle.OutputRendering = $style }
    }
}

Describe 'Get-OverlayImage' {
    BeforeEach {
        $folder = Join-Path $TestDrive ([guid]::NewGuid())
        $null = New-Item $folder -ItemType Directory
        $image = Join-Path $folder overlay.img
        $null = New-OverlayImage $image
    }

    It 'says how large, how full and how healthy an image is' {
        $found = Get-OverlayImage $image
        $found | Should -BeOfType OverlayTools.Overlays.OverlayImage
        $found.SizeBytes | Should -Be 64MB
        $found.UsedBytes + $found.FreeBytes | Should -Be 64MB
        $found.UsedInodeCount + $found.FreeInodeCount | Should -Be $found.InodeCount
        $found.State | Should -Be Clean
        $found.Journal | Should -Be Clean
        $found.Use | Should -Be Free
        $found.Users | Should -BeNullOrEmpty
        $found.IsAcceptedByApptainer | Should -BeTrue
        $found.Owner | Should -Be "$(id -u):$(id -g)"
        "$($found.WritableAs)" | Should -Match 'Plain'
    }

    It 'takes files from the pipeline, and wildcards' {
        $null = New-OverlayImage (Join-Path $folder other.img)
        (Get-ChildItem $folder | Get-OverlayImage).Count | Should -Be 2
        (Get-OverlayImage (Join-Path $folder '*.img')).Count | Should -Be 2
        (Get-Item $image | Get-OverlayImage).Path | Should -BeExactly $image
    }

    It 'shows a table of at most 80 columns' {
        Get-PlainText (Get-OverlayImage $image) | Should -Match 'Size +Used +Inodes +OnDisk +State +Owner +Use +Id +Name'
        (Get-PlainText (Get-OverlayImage $image)) -split "`n" | ForEach-Object Length | Should -BeLessOrEqual 80
    }

    It 'shows in the list what the table leaves out' {
        $text = Get-PlainText (Get-OverlayImage $image | Format-List) 200
        $text | Should -Match 'WritableAs +: '
        $text | Should -Match 'Apptainer +: accepts it'
        $text | Should -Match 'Features +: has_journal'
    }

    It 'writes an error for each path that is no image' {
        Set-Content (Join-Path $folder text.img) words
        $found = Get-OverlayImage $image, (Join-Path $folder text.img), $folder -ErrorVariable errors -ErrorAction SilentlyContinue
        $found.Path | Should -BeExactly $image
        $errors.FullyQualifiedErrorId | Should -Be (@('OverlayNotExt3,OverlayTools.Commands.GetOverlayImageCommand') * 2)
    }

    It 'says which errors were recorded' -Skip:(-not $debugfs) {
        debugfs -w -R 'ssv error_count 2' $image 2>$null
        debugfs -w -R 'ssv last_error_func ext4_lookup' $image 2>$null
        $found = Get-OverlayImage $image
        $found.State | Should -Be Errors
        $found.ErrorCount | Should -Be 2
        $found.LastError.Function | Should -Be ext4_lookup
    }

    It 'names the loop device that has an image' -Skip:(-not $losetup) {
        $device = losetup -f --show $image
        try {
            $found = Get-OverlayImage $image
            $found.Use | Should -Be Writing
            $found.State | Should -Be InUse
            $found.Users.Device | Should -Be $device
            Get-PlainText $found | Should -Match "InUse .* Writing $(Split-Path $device -Leaf) "
        }
        finally {
            losetup -d $device
        }
        (Get-OverlayImage $image).Use | Should -Be Free
    }
}

Describe 'Set-OverlayImage' {
    BeforeEach {
        $image = Join-Path $TestDrive "$([guid]::NewGuid()).img"
        $null = New-OverlayImage $image -CreateDirectory /data
    }

    It 'gives an overlay to another user' {
        Set-OverlayImage $image -Owner 4711:4712 | Should -BeNullOrEmpty
        (Get-OverlayImage $image).Owner | Should -Be '4711:4712'
        (Get-OverlayImage $image).WorkOwner | Should -Be '4711:4712'
        Test-OverlayImage $image -Overlay | Should -BeTrue
    }

    It 'reaches everything below with -Recurse' -Skip:(-not $debugfs) {
        Set-OverlayImage $image -Owner 4711:4712 -Recurse
        debugfs -R 'stat /upper/data' $image 2>$null | Out-String | Should -Match 'User:\s+4711\s+Group:\s+4712'
    }

    It 'makes root the owner with -FakeRoot, and sets a label' {
        $set = Set-OverlayImage $image -FakeRoot -Label changes -PassThru
        $set.Owner | Should -Be '0:0'
        $set.Label | Should -Be changes
    }

    It 'changes nothing with -WhatIf' {
        $before = (Get-FileHash $image).Hash
        Set-OverlayImage $image -Owner 4711 -Recurse -WhatIf
        (Get-FileHash $image).Hash | Should -Be $before
    }

    It 'refuses a user that is not known' {
        { Set-OverlayImage $image -Owner 'no such user' } | Should -Throw "*There is no user 'no such user'*"
    }
}
