BeforeDiscovery {
    $script:e2fsprogs = [bool](Get-Command e2fsck -CommandType Application -ErrorAction Ignore)
}

BeforeAll {
    Import-Module ($env:OVERLAYTOOLS_MANIFEST ?? (Join-Path $PSScriptRoot '../../OverlayTools.psd1'))
}

Describe 'Get-, Copy- and Remove-OverlayItem' {
    BeforeEach {
        $work = (New-Item -ItemType Directory (Join-Path $TestDrive "$([guid]::NewGuid())")).FullName
        $image = Join-Path $work a.img
        $null = New-Item -ItemType Directory "$work/source/etc/app"
        Set-Content "$work/source/etc/app/one.conf" 'one' -NoNewline
        Set-Content "$work/source/etc/app/two.conf" 'two' -NoNewline
        $null = New-OverlayImage $image -Source "$work/source"
    }

    It 'shows what is inside as a table' {
        $text = Get-OverlayItem $image -Recurse | Out-String -Width 200
        $text | Should -Match 'Mode\s+Owner\s+Modified\s+Size\s+Meaning\s+ItemPath'
        $text | Should -Match '0644 .* 3 B\s+File\s+/etc/app/one\.conf'
    }

    It 'takes images from Get-Item and Get-OverlayImage' {
        (Get-Item $image | Get-OverlayItem).ItemPath | Should -Be '/etc'
        (Get-OverlayImage $image | Get-OverlayItem -ItemPath '/etc/app/*').Name | Should -Be 'one.conf', 'two.conf'
    }

    It 'copies out and in again' {
        Get-OverlayItem $image '/etc/app/*' | Copy-OverlayItem -Destination "$work/out"
        Get-Content "$work/out/two.conf" | Should -Be 'two'
        Get-Item "$work/out/*" | Copy-OverlayItem -Image $image -ItemDestination /opt
        (Get-OverlayItem $image '/opt/*').Name | Should -Be 'one.conf', 'two.conf'
    }

    It 'hides, and brings back' {
        Remove-OverlayItem $image /usr/bin/gcc, /etc/app -Whiteout -Recurse
        (Get-OverlayItem $image -Recurse | Where-Object Meaning -EQ Whiteout).HiddenPath | Should -Be '/etc/app', '/usr/bin/gcc'
        Get-OverlayItem $image -Recurse | Where-Object Meaning -EQ Whiteout | Remove-OverlayItem
        Get-OverlayItem $image -Recurse | Where-Object Meaning -EQ Whiteout | Should -BeNullOrEmpty
    }

    It 'leaves a sound image' -Skip:(-not $e2fsprogs) {
        Copy-OverlayItem "$work/source" -Image $image -ItemDestination /srv -Recurse
        Remove-OverlayItem $image /etc -Recurse
        e2fsck -fn $image 2>$null | Out-Null
        $LASTEXITCODE | Should -Be 0
    }

    It 'changes nothing with -WhatIf' {
        $before = (Get-FileHash $image).Hash
        Remove-OverlayItem $image /etc -Recurse -WhatIf
        Copy-OverlayItem "$work/source" -Image $image -ItemDestination / -Recurse -WhatIf
        Copy-OverlayItem $image /etc "$work/none" -Recurse -WhatIf
        (Get-FileHash $image).Hash | Should -Be $before
        Test-Path "$work/none" | Should -BeFalse
    }
}
