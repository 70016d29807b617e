BeforeDiscovery {
    $script:siftool = [bool](Get-Command siftool -CommandType Application -ErrorAction Ignore)
}

BeforeAll {
    Import-Module ($env:OVERLAYTOOLS_MANIFEST ?? (Join-Path $PSScriptRoot '../../OverlayTools.psd1'))
}

Describe 'Get-SifDescriptor' -Skip:(-not $siftool) {
    BeforeAll {
        $image = Join-Path $TestDrive 'image.sif'
        Set-Content -Path (Join-Path $TestDrive 'object') -Value 'content' -NoNewline
        siftool new $image
        siftool add $image (Join-Path $TestDrive object) --datatype 1 --filename bootstrap.def
        siftool add $image (Join-Path $TestDrive object) --datatype 4 --partfs 1 --parttype 2 --partarch 2 --groupid 1
        siftool add $image (Join-Path $TestDrive object) --datatype 7 --link 2 --groupid 3
    }

    It 'lists what siftool lists' {
        $rows = siftool list $image | Select-Object -Skip 3
        $found = Get-SifDescriptor $image
        $found.Count | Should -Be $rows.Count
        foreach ($i in 0..2) {
            $cells = $rows[$i] -split '\|' | ForEach-Object Trim
            [string]$found[$i].Id | Should -BeExactly $cells[0]
            $found[$i].Position | Should -BeExactly $cells[3]
            $found[$i].Type | Should -BeExactly $cells[4]
        }
    }

    It 'shows a table with sizes for people' {
        $text = Get-SifDescriptor $image | Out-String -Width 200
        $text | Should -Match 'Id\s+Group\s+Link\s+Offset\s+Size\s+Type\s+Name'
        $text | Should -Match '1\s+NONE\s+NONE\s+\d+\s+7 B\s+Def\.FILE\s+bootstrap\.def'
        $text | Should -Match ([regex]::Escape($image))
    }

    It 'shows a list with everything' {
        $text = Get-SifDescriptor $image -Id 2 | Format-List | Out-String
        $text | Should -Match 'PartitionType\s*: PrimarySystem'
        $text | Should -Match 'Architecture\s*: Amd64'
    }

    It 'chooses by <Name>' -ForEach @(
        @{ Name = 'id'; Arguments = @{ Id = 3 }; Expected = 3 }
        @{ Name = 'data type'; Arguments = @{ DataType = 'DefinitionFile' }; Expected = 1 }
        @{ Name = 'partition type'; Arguments = @{ PartitionType = 'PrimarySystem' }; Expected = 2 }
        @{ Name = 'group'; Arguments = @{ GroupId = 3 }; Expected = 3 }
        @{ Name = 'name'; Arguments = @{ Name = 'boot*' }; Expected = 1 }
    ) {
        (Get-SifDescriptor $image @Arguments).Id | Should -Be $Expected
    }

    It 'takes files from the pipeline' {
        (Get-ChildItem $TestDrive -Filter *.sif | Get-SifDescriptor).Count | Should -Be 3
    }

    It 'writes one error for a file that is no image and goes on' {
        $found = (Join-Path $TestDrive object), $image | Get-SifDescriptor -ErrorVariable failure -ErrorAction SilentlyContinue
        $failure.FullyQualifiedErrorId | Should -BeLike 'SifBadMagic,*'
        $found.Count | Should -Be 3
    }

    It 'does not change the image' {
        $before = (Get-FileHash $image).Hash
        Get-SifDescriptor $image | Out-Null
        (Get-FileHash $image).Hash | Should -Be $before
    }
}
