BeforeDiscovery {
    $script:missing = @('siftool', 'mkfs.ext3' | Where-Object { -not (Get-Command $_ -CommandType Application -ErrorAction Ignore) })
}

BeforeAll {
    Import-Module ($env:OVERLAYTOOLS_MANIFEST ?? (Join-Path $PSScriptRoot '../../OverlayTools.psd1'))
}

Describe 'Objects of SIF images' -Skip:($missing.Count -gt 0) {
    BeforeAll {
        $overlay = Join-Path $TestDrive 'overlay.img'
        truncate -s 8M $overlay
        mkfs.ext3 -q $overlay
        $text = Join-Path $TestDrive 'text'
        Set-Content $text 'content' -NoNewline
    }

    BeforeEach {
        $image = Join-Path $TestDrive 'image.sif'
        Remove-Item $image -ErrorAction Ignore
        siftool new $image
        siftool add $image $overlay --datatype 4 --partfs 2 --parttype 2 --partarch 2 --groupid 1
        siftool add $image $overlay --datatype 4 --partfs 2 --parttype 4 --partarch 2 --groupid 1
        siftool add $image $text --datatype 7
        $hash = (Get-FileHash $image).Hash
    }

    Context 'Remove-SifObject' {
        It 'removes what siftool no longer lists' {
            Get-SifDescriptor $image -PartitionType Overlay | Remove-SifObject
            (siftool list $image) -match 'Overlay' | Should -BeNullOrEmpty
            siftool dump 3 $image | Should -Be 'content'
        }

        It 'keeps the root file system unless forced' {
            { Remove-SifObject $image 1 -ErrorAction Stop } |
                Should -Throw -ErrorId 'SifPrimaryPartitionProtected,OverlayTools.Commands.RemoveSifObjectCommand'
            (Get-FileHash $image).Hash | Should -Be $hash
            Remove-SifObject $image 1 -Force
            (siftool header $image) -match 'Primary Architecture' | Should -BeNullOrEmpty
        }

        It 'cuts the file with -Compact' {
            Remove-SifObject $image 2, 3 -Compact
            (Get-Item $image).Length | Should -Be (32768 + 8MB)
        }

        It 'changes nothing with -WhatIf' {
            Remove-SifObject $image 3 -Zero -Compact -WhatIf
            (Get-FileHash $image).Hash | Should -Be $hash
        }
    }

    Context 'Export-SifObject' {
        It 'makes a sparse file with the same bytes' {
            $out = Join-Path $TestDrive 'out.img'
            Get-SifDescriptor $image 2 | Export-SifObject -Destination $out -Force
            (Get-FileHash $out).Hash | Should -Be (Get-FileHash $overlay).Hash
            e2fsck -fn $out 2>$null | Out-Null
            $LASTEXITCODE | Should -Be 0
        }

        It 'streams bytes into a program' {
            Export-SifObject $image 2 -AsByteStream | sha256sum | Should -BeLike "$((Get-FileHash $overlay).Hash.ToLower())*"
        }

        It 'takes the overlays of several images, though they have the same name' {
            $folder = New-Item -ItemType Directory (Join-Path $TestDrive 'several')
            foreach ($name in 'a', 'b', 'c') {
                $copy = Join-Path $folder "$name.sif"
                siftool new $copy
                siftool add $copy $overlay --datatype 4 --partfs 2 --parttype 2 --partarch 2 --groupid 1
                $content = Join-Path $TestDrive "$name.img"
                Copy-Item $overlay $content
                tune2fs -L $name $content | Out-Null
                siftool add $copy $content --datatype 4 --partfs 2 --parttype 4 --partarch 2 --groupid 1 --filename overlay.img
            }
            Push-Location $folder
            try {
                Get-ChildItem *.sif | Get-SifDescriptor -PartitionType Overlay | Export-SifObject -Destination ./out
            }
            finally {
                Pop-Location
            }
            $made = Get-ChildItem (Join-Path $folder 'out') | Sort-Object Name
            $made.Name | Should -Be 'b.2.overlay.img', 'c.2.overlay.img', 'overlay.img'
            $made.ForEach({ e2label $_.FullName }) | Should -Be 'b', 'c', 'a'
        }

        It 'does not write over what is there, not even in a second run' {
            $folder = New-Item -ItemType Directory (Join-Path $TestDrive 'again')
            Get-SifDescriptor $image | Export-SifObject -Destination $folder
            Get-SifDescriptor $image | Export-SifObject -Destination $folder -ErrorVariable failures -ErrorAction SilentlyContinue
            $failures.Count | Should -Be 3
            $failures.FullyQualifiedErrorId | Should -BeLike 'OverlayAlreadyExists,*'
        }

        It 'replaces no file by itself' {
            { Export-SifObject $image 3 $text -ErrorAction Stop } |
                Should -Throw -ErrorId 'OverlayAlreadyExists,OverlayTools.Commands.ExportSifObjectCommand'
        }
    }

    Context 'Add-SifObject' {
        It 'adds what siftool dumps' {
            Add-SifObject $image $text -DataType 9 -SbomFormat cyclonedx-json -Name sbom.json
            (siftool list $image)[-1] | Should -Match 'SBOM \(cyclonedx-json\)'
            siftool dump 4 $image | Should -Be 'content'
        }

        It 'takes text and bytes from the pipeline' {
            'a line' | Add-SifObject $image -DataType DefinitionFile
            Export-SifObject $image 3 -AsByteStream | Add-SifObject $image -DataType Generic
            siftool dump 4 $image | Should -Be 'a line'
            siftool dump 5 $image | Should -Be 'content'
        }

        It 'lets a full table grow with -Force, which siftool reads and adds to' {
            4..48 | ForEach-Object { siftool add $image $text --datatype 7 }
            { Add-SifObject $image $text -DataType 7 -ErrorAction Stop } |
                Should -Throw -ErrorId 'SifNoFreeDescriptor,OverlayTools.Commands.AddSifObjectCommand'
            Add-SifObject $image $text -DataType 7 -Force
            siftool add $image $text --datatype 7
            siftool dump 49 $image | Should -Be 'content'
            siftool dump 50 $image | Should -Be 'content'
            (Get-SifImage $image).Capacity | Should -Be 96
        }
    }

    Context 'Set-SifPrimaryPartition' {
        It 'chooses what runs, and sets the architecture of the header' {
            siftool add $image $overlay --datatype 4 --partfs 2 --parttype 1 --partarch 4 --groupid 1
            (Set-SifPrimaryPartition $image 4 -PassThru).PartitionType | Should -Be PrimarySystem
            (siftool header $image) -match 'Primary Architecture: arm64' | Should -HaveCount 1
            (siftool list $image) -match '\*System' | Should -HaveCount 1
        }
    }

    Context 'Get-SifImage and Optimize-SifImage' {
        It 'tells what is wasted, and wins it back' {
            Remove-SifObject $image 2
            $before = Get-SifImage $image
            $before.WastedBytes | Should -Be 8MB
            $won = $before | Optimize-SifImage
            $won.ReclaimedBytes | Should -Be 8MB
            (Get-Item $image).Length | Should -Be ($before.SizeBytes - 8MB)
            (Get-SifImage $image).WastedBytes | Should -Be 0
            siftool dump 3 $image | Should -Be 'content'
            (siftool list $image) | Should -HaveCount 5
        }

        It 'shows a table' {
            Get-SifImage $image | Out-String | Should -Match 'Wasted\s+Signed'
            (Get-SifImage $image).Layout | Out-String | Should -Match 'Hole|Object'
        }
    }
}
