BeforeAll {
    Import-Module ($env:OVERLAYTOOLS_MANIFEST ?? (Join-Path $PSScriptRoot '../../OverlayTools.psd1'))

    function Need([string[]] $Program) {
        $missing = $Program | Where-Object { -not (Get-Command $_ -CommandType Application -ErrorAction Ignore) }
        if ($missing) { Set-ItResult -Skipped -Because "it needs $($missing -join ', ')" }
    }
}

Describe 'New-SifImage' {
    BeforeEach {
        $folder = Join-Path $TestDrive ([guid]::NewGuid())
        $root = Join-Path $folder root
        $null = New-Item (Join-Path $root etc) -ItemType Directory
        Set-Content (Join-Path $root etc motd) welcome
        $definition = Join-Path $folder my.def
        Set-Content $definition 'Bootstrap: scratch'
        $image = Join-Path $folder a.sif
    }

    It 'makes an image that siftool lists' {
        Need siftool
        $made = New-SifImage $image $root -FileSystem Ext3 -Architecture amd64 -DefinitionFile $definition
        $made.Path | Should -Be $image
        $made.ObjectCount | Should -Be 2
        $table = siftool list $image | Out-String
        $table | Should -Match 'Def\.FILE'
        $table | Should -Match 'FS \(Ext3/\*System/amd64\)'
    }

    It 'packs squashfs with the content, the run script and the definition' {
        Need mksquashfs, unsquashfs, siftool
        $made = New-SifImage $image $root -RunScript 'echo hi' -DefinitionFile $definition
        $made.FileSystem | Should -Be Squashfs
        $packed = Join-Path $folder packed
        siftool dump 2 $image > $packed
        unsquashfs -cat $packed etc/motd | Should -Be welcome
        unsquashfs -cat $packed .singularity.d/runscript | Should -Be '#!/bin/sh', 'echo hi'
        unsquashfs -cat $packed .singularity.d/Singularity | Should -Be 'Bootstrap: scratch'
    }

    It 'takes the source from the pipeline' {
        (Get-Item $root | New-SifImage $image -FileSystem Ext3).FileSystem | Should -Be Ext3
    }

    It 'keeps an existing file unless it is forced' {
        Set-Content $image mine
        { New-SifImage $image $root -ErrorAction Stop } |
            Should -Throw -ErrorId 'OverlayAlreadyExists,OverlayTools.Commands.NewSifImageCommand'
        Get-Content $image | Should -Be mine
        (New-SifImage $image $root -FileSystem Ext3 -Force).ObjectCount | Should -Be 1
    }

    It 'makes nothing <Name>' -ForEach @(
        @{ Name = 'without a source'; Arguments = @{ Source = '/no/such' } }
        @{ Name = 'without the definition'; Arguments = @{ DefinitionFile = '/no/such' } }
    ) {
        $all = @{ Path = $image; Source = $root }
        $Arguments.GetEnumerator() | ForEach-Object { $all[$_.Key] = $_.Value }
        { New-SifImage @all -ErrorAction Stop } |
            Should -Throw -ErrorId 'OverlayFileNotFound,OverlayTools.Commands.NewSifImageCommand'
        (Get-ChildItem $folder -Force).Name | Sort-Object | Should -Be my.def, root
    }

    It 'makes nothing with -WhatIf' {
        New-SifImage $image $root -WhatIf
        Test-Path $image | Should -BeFalse
    }

    It 'gives an ordinary user''s files to root' {
        if ((id -u) -eq 0) { Set-ItResult -Skipped -Because 'root''s own sources keep their owners' }
        Need mksquashfs, unsquashfs, siftool
        $null = New-SifImage $image $root
        siftool dump 1 $image > "$folder/packed"
        unsquashfs -ll "$folder/packed" | Select-Object -Last 1 | Should -Match ' root/root '
    }

    It 'keeps the owners of root''s sources' {
        if ((id -u) -ne 0) { Set-ItResult -Skipped -Because 'only root can give files away' }
        Need mksquashfs, unsquashfs, siftool
        chown 1234:4321 "$root/etc/motd"
        $null = New-SifImage $image $root -FileSystem Squashfs
        siftool dump 1 $image > "$folder/packed"
        unsquashfs -lln "$folder/packed" | Select-String motd | Should -Match '1234/4321'
    }

    It 'completes <Parameter>' -ForEach @(
        @{ Parameter = 'Architecture'; Word = 'arm'; Expected = 'Arm', 'Arm64' }
        @{ Parameter = 'FileSystem'; Word = ''; Expected = 'Ext3', 'Squashfs' }
    ) {
        $line = "New-SifImage a.sif root -$Parameter $Word"
        (TabExpansion2 $line $line.Length).CompletionMatches.CompletionText | Should -Be $Expected
    }

    It 'packs a tar archive with labels and variables' {
        Need tar, mksquashfs, unsquashfs
        $archive = Join-Path $folder root.tar
        tar -C $root -cf $archive .
        New-SifImage $image $archive -FileSystem Squashfs -Labels @{ version = '1.2' } -Environment @{ NAME = "it's" } | Out-Null
        $packed = Join-Path $folder packed
        Get-SifDescriptor $image -DataType Partition | Export-SifObject -Destination $packed
        unsquashfs -cat $packed etc/motd | Should -Be welcome
        (unsquashfs -cat $packed .singularity.d/labels.json | ConvertFrom-Json).version | Should -Be '1.2'
        unsquashfs -cat $packed .singularity.d/env/90-environment.sh | Should -Contain 'export NAME="it''s"'
        (Get-SifDescriptor $image).DataType | Should -Be EnvironmentVariables, Labels, Partition
    }

    It 'makes an empty image, the same bytes every time with -Deterministic' {
        (New-SifImage $image -Deterministic).ObjectCount | Should -Be 0
        (Get-FileHash $image).Hash | Should -Be '1987D6041B278A3A87810475CE3BBE5416BC0301471C29C1E2F020579A61F815'
    }
}
