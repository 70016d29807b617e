BeforeAll {
    Import-Module ($env:OVERLAYTOOLS_MANIFEST ?? (Join-Path $PSScriptRoot '../../OverlayTools.psd1'))
}

Describe 'Checkpoint-, Restore- and Optimize-OverlayImage' {
    BeforeEach {
        $work = (New-Item -ItemType Directory (Join-Path $TestDrive "$(New-Guid)")).FullName
        $image = Join-Path $work a.img
        $null = New-Item -ItemType Directory "$work/source/data"
        Set-Content "$work/source/data/f" 'content'
        $bytes = [byte[]]::new(8MB); [Random]::new(1).NextBytes($bytes)
        Set-Content "$work/source/data/large" $bytes -AsByteStream
        $null = New-OverlayImage $image 64MB -Source "$work/source" -Sparse
    }

    It 'goes back to a checkpoint' {
        $before = (Get-FileHash $image).Hash
        (Checkpoint-OverlayImage $image before).Name | Should -Be 'before'
        Remove-OverlayItem $image /data -Recurse
        Restore-OverlayImage $image before -Confirm:$false
        (Get-FileHash $image).Hash | Should -Be $before
        (Get-OverlayItem $image -Recurse).ItemPath | Should -Contain '/data/f'
    }

    It 'names a checkpoint by the time, and lists and removes it' {
        (Get-ChildItem $image | Checkpoint-OverlayImage).Name | Should -Match '^\d{8}-\d{6}$'
        $found = Get-OverlayImage $image -Checkpoint
        $found.ImagePath | Should -Be $image
        $found | Out-String | Should -Match 'OnDisk'
        $found | Remove-Item
        Get-OverlayImage $image -Checkpoint | Should -BeNullOrEmpty
        Test-Path $image | Should -BeTrue
    }

    It 'asks before it throws changes away' {
        (Get-Command Restore-OverlayImage).ImplementingType.GetCustomAttributes($false).ConfirmImpact | Should -Contain 'High'
        $null = Checkpoint-OverlayImage $image one
        Remove-OverlayItem $image /data/f
        $changed = (Get-FileHash $image).Hash
        Restore-OverlayImage $image one -WhatIf
        (Get-FileHash $image).Hash | Should -Be $changed
    }

    It 'pipes a checkpoint into Restore-OverlayImage' {
        $null = Checkpoint-OverlayImage $image one
        Remove-OverlayItem $image /data/f
        Get-OverlayImage $image -Checkpoint | Restore-OverlayImage -Confirm:$false
        (Get-OverlayItem $image /data/f).SizeBytes | Should -Be 8
    }

    It 'gives free blocks back' {
        Remove-OverlayItem $image /data/large
        $won = Optimize-OverlayImage $image
        $won.ReclaimedBytes | Should -BeGreaterThan 8MB
        $won | Out-String | Should -Match 'Reclaimed'
        Test-OverlayImage $image | Should -BeTrue
        (Get-OverlayItem $image /data/f).SizeBytes | Should -Be 8
    }

    It 'says what does not exist' {
        { Restore-OverlayImage $image none -Confirm:$false -ErrorAction Stop } | Should -Throw -ErrorId 'CheckpointNotFound,*'
        { Checkpoint-OverlayImage $image 'a/b' -ErrorAction Stop } | Should -Throw -ErrorId 'CheckpointNameInvalid,*'
    }
}
