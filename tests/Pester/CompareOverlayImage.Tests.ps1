BeforeDiscovery {
    $script:packer = [bool](Get-Command mksquashfs -CommandType Application -ErrorAction Ignore)
}

BeforeAll {
    Import-Module ($env:OVERLAYTOOLS_MANIFEST ?? (Join-Path $PSScriptRoot '../../OverlayTools.psd1'))
}

Describe 'Compare-OverlayImage' {
    BeforeEach {
        $work = (New-Item -ItemType Directory (Join-Path $TestDrive "$([guid]::NewGuid())")).FullName
        $image = Join-Path $work a.img
        $null = New-Item -ItemType Directory "$work/base/etc/app", "$work/source/etc/app"
        Set-Content "$work/base/etc/app/one.conf" 'one' -NoNewline
        Set-Content "$work/source/etc/app/one.conf" 'another' -NoNewline
        Set-Content "$work/source/etc/app/two.conf" 'two' -NoNewline
        $null = New-OverlayImage $image -Source "$work/source"
    }

    It 'shows differences as a table that names the base' {
        $text = Compare-OverlayImage $image "$work/base" | Out-String -Width 200
        $text | Should -Match "Overlay: .*a\.img on .*base"
        $text | Should -Match 'Change\s+Parts\s+Type\s+BaseSize\s+Size\s+ItemPath'
        $text | Should -Match 'Modified\s+C..T.\s+File\s+3 B\s+7 B\s+/etc/app/one\.conf'
        $text | Should -Match 'Added\s+File\s+3 B\s+/etc/app/two\.conf'
    }

    It 'stops with whoever takes the first' {
        (Compare-OverlayImage $image "$work/base" | Select-Object -First 1).ItemPath | Should -Be '/etc'
        (Get-OverlayImage $image).Use | Should -Be 'Free'
    }

    It 'counts as a list' {
        Compare-OverlayImage $image "$work/base" -Summary | Out-String | Should -Match 'Modified\s+: \d+ \(1 with other content, 7 B\)'
    }

    It 'lists what is in the overlay where there is no base' {
        (Compare-OverlayImage $image | Where-Object ItemType -EQ File).Change | Should -Be 'Present', 'Present'
    }

    It 'reads a base in squashfs compressed with <_>' -Skip:(-not $packer) -ForEach gzip, xz, lz4, zstd {
        $null = mksquashfs "$work/base" "$work/base.sqfs" -comp $_ -quiet -no-progress
        (Compare-OverlayImage $image "$work/base.sqfs" -ItemPath /etc/app/* | Sort-Object Name).Change | Should -Be 'Modified', 'Added'
    }

    It 'brings back what the base has' {
        Remove-OverlayItem $image /usr -Whiteout
        $null = New-Item -ItemType Directory "$work/base/usr"
        Compare-OverlayImage $image "$work/base" | Where-Object Change -EQ Deleted | Select-Object -ExpandProperty ItemPath | Should -Be '/usr'
        (Get-OverlayItem $image | Where-Object HiddenPath -EQ /usr) | Remove-OverlayItem
        Compare-OverlayImage $image "$work/base" | Where-Object Change -EQ Deleted | Should -BeNullOrEmpty
    }

    It 'completes parameters and paths inside' {
        $line = "Compare-OverlayImage '$image' -ItemPath /etc/a"
        (TabExpansion2 $line $line.Length).CompletionMatches.CompletionText | Should -Contain '/etc/app'
    }
}
