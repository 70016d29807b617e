BeforeAll {
    Import-Module ($env:OVERLAYTOOLS_MANIFEST ?? (Join-Path $PSScriptRoot '../../OverlayTools.psd1'))
}

Describe 'An overlay as a drive' {
    BeforeEach {
        $image = Join-Path $TestDrive "$(New-Guid).img"
        $source = Join-Path $TestDrive "$(New-Guid)"
        New-Item -ItemType Directory "$source/etc/sub" | Out-Null
        Set-Content "$source/etc/app.conf" 'one', 'two'
        Set-Content "$source/etc/sub/c" 'c'
        Set-Content "$source/etc/.wh.gone" ''
        New-OverlayImage $image -Source $source | Out-Null
    }
    AfterEach {
        Set-Location $TestDrive
        Get-PSDrive -PSProvider OverlayImage | Remove-PSDrive
    }

    It 'lists, reads and finds with the commands for files' {
        New-PSDrive ov OverlayImage $image | Out-Null
        (Get-ChildItem ov:/ -Recurse).ItemPath | Should -Be '/etc', '/etc/app.conf', '/etc/sub', '/etc/sub/c'
        (Get-ChildItem ov:/etc/*.conf).Name | Should -Be 'app.conf'
        (Get-ChildItem ov:/ -Recurse -Depth 1).Count | Should -Be 3
        Get-Content ov:/etc/app.conf | Should -Be 'one', 'two'
        Get-Content ov:/etc/app.conf -TotalCount 1 | Should -Be 'one'
        Get-Content ov:/etc/app.conf -Raw | Should -Be "one`ntwo`n"
        (Get-Content ov:/etc/app.conf -AsByteStream -Raw).Count | Should -Be 8
        Test-Path ov:/etc/app.conf | Should -BeTrue
        Test-Path ov:/etc/none | Should -BeFalse
        (Get-Item ov:/etc/app.conf).SizeBytes | Should -Be 8
        (Get-ChildItem ov:/etc/*.conf | Get-Content) | Should -Contain 'two'
    }

    It 'shows what was deleted with -Force' {
        New-PSDrive ov OverlayImage $image | Out-Null
        (Get-ChildItem ov:/etc).Name | Should -Not -Contain '.wh.gone'
        (Get-ChildItem ov:/etc -Force | Where-Object Meaning -EQ Whiteout).HiddenPath | Should -Be '/etc/gone'
    }

    It 'can be gone into, by a relative path' {
        Push-Location $TestDrive
        New-PSDrive ov OverlayImage "./$(Split-Path $image -Leaf)" | Out-Null
        Set-Location ov:/etc
        (Get-ChildItem).Name | Should -Be 'app.conf', 'sub'
        Set-Location sub
        Get-Content ../app.conf | Should -Be 'one', 'two'
        Pop-Location
    }

    It 'completes paths' {
        New-PSDrive -Name ov -PSProvider OverlayImage -Root $image -Scope Global | Out-Null
        (TabExpansion2 'Get-Content ov:/etc/a').CompletionMatches.CompletionText | Should -Be 'ov:/etc/app.conf'
        Remove-PSDrive ov -Scope Global
    }

    It 'pipes into the cmdlets for overlays' {
        New-PSDrive ov OverlayImage $image | Out-Null
        Get-ChildItem ov:/etc/app.conf | Copy-OverlayItem -Destination "$TestDrive/out"
        Get-Content "$TestDrive/out/app.conf" | Should -Be 'one', 'two'
    }

    It 'is read-only unless -Writable is given' {
        New-PSDrive ov OverlayImage $image | Out-Null
        $before = (Get-FileHash $image).Hash
        { Set-Content ov:/etc/app.conf x -ErrorAction Stop } | Should -Throw -ErrorId 'OverlayNotWritable,*'
        { New-Item ov:/etc/n -ErrorAction Stop } | Should -Throw -ErrorId 'OverlayNotWritable,*'
        { Remove-Item ov:/etc/app.conf -ErrorAction Stop } | Should -Throw -ErrorId 'OverlayNotWritable,*'
        (Get-FileHash $image).Hash | Should -Be $before
    }

    It 'changes files with -Writable' {
        New-PSDrive ov OverlayImage $image -Writable | Out-Null
        Set-Content ov:/etc/app.conf 'new'
        Add-Content ov:/etc/app.conf 'more'
        Get-Content ov:/etc/app.conf | Should -Be 'new', 'more'
        'made' | Set-Content ov:/etc/made
        Get-Content ov:/etc/made | Should -Be 'made'
        Set-Content ov:/etc/bytes ([byte[]](0..255)) -AsByteStream
        (Get-Content ov:/etc/bytes -AsByteStream -Raw)[255] | Should -Be 255
        New-Item ov:/opt -ItemType Directory | Out-Null
        Copy-Item ov:/etc ov:/opt -Recurse
        Move-Item ov:/opt/etc/app.conf ov:/opt
        Rename-Item ov:/opt/app.conf app.old
        Get-Content ov:/opt/app.old | Should -Be 'new', 'more'
        Remove-Item ov:/opt/etc -Recurse
        (Get-ChildItem ov:/opt).Name | Should -Be 'app.old'
    }

    It 'changes nothing with -WhatIf' {
        New-PSDrive ov OverlayImage $image -Writable | Out-Null
        $before = (Get-ChildItem ov:/ -Recurse | Select-Object ItemPath, Modified, SizeBytes | ConvertTo-Json)
        Set-Content ov:/etc/app.conf x -WhatIf
        New-Item ov:/etc/n -WhatIf
        Remove-Item ov:/etc/app.conf -WhatIf
        Remove-Item ov:/etc -Recurse -WhatIf
        Rename-Item ov:/etc/app.conf z -WhatIf
        Copy-Item ov:/etc/app.conf ov:/z -WhatIf
        Clear-Content ov:/etc/app.conf -WhatIf
        (Get-ChildItem ov:/ -Recurse | Select-Object ItemPath, Modified, SizeBytes | ConvertTo-Json) | Should -Be $before
    }

    It 'keeps others out while it is writable' {
        New-PSDrive ov OverlayImage $image -Writable | Out-Null
        { Resize-OverlayImage $image -GrowBy 64MB -ErrorAction Stop } | Should -Throw -ErrorId 'OverlayInUse,*'
        Remove-PSDrive ov
        (Resize-OverlayImage $image -GrowBy 64MB -PassThru).SizeBytes | Should -BeGreaterThan 64MB
    }

    It 'says what is wrong with a root' {
        { New-PSDrive no OverlayImage "$TestDrive/none.img" -ErrorAction Stop } | Should -Throw -ErrorId 'OverlayFileNotFound,*'
        Set-Content "$TestDrive/text" 'no image'
        { New-PSDrive no OverlayImage "$TestDrive/text" -ErrorAction Stop } | Should -Throw -ErrorId 'OverlayNotExt3,*'
    }

    It 'shows the overlay that a SIF image has' {
        $sif = Join-Path $TestDrive "$(New-Guid).sif"
        New-SifImage $sif -Source $source | Out-Null
        Add-SifPartition $sif $image -PartitionType Overlay | Out-Null
        $id = (Get-SifDescriptor $sif -PartitionType Overlay).Id
        New-PSDrive ov OverlayImage $sif -Id $id -Writable | Out-Null
        Set-Content ov:/etc/app.conf 'embedded'
        Remove-PSDrive ov
        New-PSDrive ov OverlayImage $sif | Out-Null
        Get-Content ov:/etc/app.conf | Should -Be 'embedded'
    }

    It 'shows a directory overlay' {
        New-Item -ItemType Directory "$TestDrive/dir/upper/etc", "$TestDrive/dir/work" | Out-Null
        Set-Content "$TestDrive/dir/upper/etc/x" 'x'
        New-PSDrive ov OverlayImage "$TestDrive/dir" | Out-Null
        Get-Content ov:/etc/x | Should -Be 'x'
    }
}
