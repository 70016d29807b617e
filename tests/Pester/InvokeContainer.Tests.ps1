BeforeDiscovery {
    $needed = 'busybox', 'mksquashfs'
    if ((id -u) -ne 0) { $needed += 'squashfuse', 'fuse2fs', 'fuse-overlayfs', 'newuidmap' }
    $script:missing = @($needed | Where-Object { -not (Get-Command $_ -CommandType Application -ErrorAction Ignore) })
    if ($missing) { Write-Warning "Containers are not tested: they need $($missing -join ', ')." }
}

BeforeAll {
    Import-Module ($env:OVERLAYTOOLS_MANIFEST ?? (Join-Path $PSScriptRoot '../../OverlayTools.psd1'))
}

Describe 'Invoke-ContainerWithOverlay' -Skip:($missing.Count -gt 0) {
    BeforeAll {
        # Not below TestDrive: its owner keeps it to himself, and this user's root is another one.
        $folder = Join-Path ([IO.Path]::GetTempPath()) "overlaytools-pester-$PID"
        $root = Join-Path $folder root
        'bin', 'etc', 'tmp', 'proc', 'sys', 'dev', 'root', 'srv' | ForEach-Object { $null = New-Item (Join-Path $root $_) -ItemType Directory -Force }
        Copy-Item (Get-Command busybox).Source (Join-Path $root bin busybox)
        'sh', 'cat', 'ls', 'touch', 'sort', 'id', 'echo' | ForEach-Object { ln -s busybox "$root/bin/$_" }
        Set-Content (Join-Path $root etc passwd) 'root:x:0:0:root:/root:/bin/sh'
        Set-Content (Join-Path $root etc group) 'root:x:0:'
        $image = Join-Path $folder a.sif
        $null = New-SifImage $image $root
    }

    AfterAll {
        Remove-Item $folder -Recurse -Force
    }

    BeforeEach {
        $overlay = Join-Path $folder "$([guid]::NewGuid()).img"
        $null = New-OverlayImage $overlay -FakeRoot
    }

    It 'keeps a change in the overlay and nowhere else' {
        Invoke-ContainerWithOverlay $image -FakeRoot -Overlay $overlay -- touch /srv/kept
        $LASTEXITCODE | Should -Be 0
        Invoke-ContainerWithOverlay $image -FakeRoot -Overlay $overlay -- ls /srv | Should -Be kept
        Invoke-ContainerWithOverlay $image -FakeRoot -- ls /srv | Should -BeNullOrEmpty
    }

    It 'does not write to an overlay that ends in :ro' {
        Invoke-ContainerWithOverlay $image -FakeRoot -Overlay "${overlay}:ro" -ErrorVariable failure -ErrorAction SilentlyContinue -- touch /srv/kept
        $LASTEXITCODE | Should -Be 1
        "$failure" | Should -BeLike '*Read-only file system*'
    }

    It 'writes to the overlay inside an image' {
        $own = Join-Path $folder own.sif
        Copy-Item $image $own
        $null = New-OverlayImage $own -FakeRoot
        Invoke-ContainerWithOverlay $own -FakeRoot -Writable -- touch /srv/inside
        Invoke-ContainerWithOverlay $own -FakeRoot -- ls /srv | Should -Be inside
    }

    It 'forgets what -WritableTmpfs let happen' {
        Invoke-ContainerWithOverlay $image -FakeRoot -WritableTmpfs -- sh -c 'touch /srv/gone && ls /srv' | Should -Be gone
        Invoke-ContainerWithOverlay $image -FakeRoot -- ls /srv | Should -BeNullOrEmpty
    }

    It 'passes the pipeline to standard input' {
        'pear', 'apple' | Invoke-ContainerWithOverlay $image -- sort | Should -Be apple, pear
    }

    It 'leaves the exit code of the command' {
        Invoke-ContainerWithOverlay $image -- sh -c 'exit 42'
        $LASTEXITCODE | Should -Be 42
    }

    It 'passes words on as they are' {
        Invoke-ContainerWithOverlay $image -- echo ro,noexec 007 -v '' 1GB | Should -BeExactly 'ro,noexec 007 -v  1GB'
    }

    It 'says that a command does not exist' {
        { Invoke-ContainerWithOverlay $image -ErrorAction Stop -- nosuch } |
            Should -Throw -ErrorId 'ContainerCommandNotFound,OverlayTools.Commands.InvokeContainerWithOverlayCommand'
        $LASTEXITCODE | Should -Be 127
    }

    It 'says that an image does not exist' {
        { Invoke-ContainerWithOverlay "$folder/none.sif" -ErrorAction Stop -- ls } |
            Should -Throw -ErrorId 'OverlayFileNotFound,OverlayTools.Commands.InvokeContainerWithOverlayCommand'
    }

    It 'runs nothing with -WhatIf' {
        Invoke-ContainerWithOverlay $image -WhatIf -- ls / | Should -BeNullOrEmpty
    }

    It 'leaves an overlay that e2fsck finds clean' {
        $env:PATH += ':/usr/sbin:/sbin'
        if (-not (Get-Command e2fsck -ErrorAction Ignore)) { Set-ItResult -Skipped -Because 'it needs e2fsck' }
        Invoke-ContainerWithOverlay $image -FakeRoot -Overlay $overlay -- sh -c 'echo text > /srv/file'
        $report = e2fsck -fn $overlay 2>&1 | Out-String
        $LASTEXITCODE | Should -Be 0 -Because $report
        $report | Should -Not -Match 'Fix\?'
    }
}

Describe 'Completion of -Overlay' {
    It 'offers images and directories, also read-only' {
        'one.img', 'two.sif', 'no.txt' | ForEach-Object { $null = New-Item (Join-Path $TestDrive $_) }
        $null = New-Item (Join-Path $TestDrive over) -ItemType Directory
        $line = "Invoke-ContainerWithOverlay a.sif -Overlay $TestDrive/"
        (TabExpansion2 $line $line.Length).CompletionMatches.CompletionText |
            Should -Be ('one.img', 'one.img:ro', 'over', 'over:ro', 'two.sif', 'two.sif:ro' | ForEach-Object { "$TestDrive/$_" })
    }
}
