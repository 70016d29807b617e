BeforeDiscovery {
    $needed = 'busybox', 'mksquashfs'
    if ((id -u) -ne 0) { $needed += 'squashfuse', 'fuse2fs', 'fuse-overlayfs', 'newuidmap' }
    $script:missing = @($needed | Where-Object { -not (Get-Command $_ -CommandType Application -ErrorAction Ignore) })
    if ($missing) { Write-Warning "Containers are not tested: they need $($missing -join ', ')." }
}

BeforeAll {
    Import-Module ($env:OVERLAYTOOLS_MANIFEST ?? (Join-Path $PSScriptRoot '../../OverlayTools.psd1'))
}

Describe 'A container in the background' -Skip:($missing.Count -gt 0) {
    BeforeAll {
        # Not below TestDrive: its owner keeps it to himself, and this user's root is another one.
        $folder = Join-Path ([IO.Path]::GetTempPath()) "overlaytools-pester-instance-$PID"
        $root = Join-Path $folder root
        'bin', 'etc', 'tmp', 'proc', 'sys', 'dev', 'root', 'srv' | ForEach-Object { $null = New-Item (Join-Path $root $_) -ItemType Directory -Force }
        Copy-Item (Get-Command busybox).Source (Join-Path $root bin busybox)
        'sh', 'cat', 'yes', 'echo', 'touch', 'ls', 'sleep' | ForEach-Object { ln -s busybox "$root/bin/$_" }
        Set-Content (Join-Path $root etc passwd) 'root:x:0:0:root:/root:/bin/sh'
        $image = Join-Path $folder a.sif
        $null = New-SifImage $image $root
        $overlay = Join-Path $folder o.img
        $null = New-OverlayImage $overlay -FakeRoot
        $stateBefore = $env:XDG_STATE_HOME
        $env:XDG_STATE_HOME = Join-Path $folder state
    }

    AfterEach {
        Stop-ContainerInstance * -Force
    }

    AfterAll {
        $env:XDG_STATE_HOME = $stateBefore
        Remove-Item $folder -Recurse -Force
    }

    It 'is started, listed, joined and stopped' {
        $instance = Start-ContainerInstance $image db -FakeRoot -Overlay $overlay
        $instance.Name | Should -Be db
        $instance.State | Should -Be Running
        (Get-ContainerInstance d*).ProcessId | Should -Be $instance.ProcessId
        Invoke-ContainerWithOverlay -Instance db -- touch /srv/kept
        Invoke-ContainerWithOverlay -Instance db -- ls /srv | Should -Be kept
        $instance | Stop-ContainerInstance
        Get-ContainerInstance | Should -BeNullOrEmpty
        Invoke-ContainerWithOverlay $image -FakeRoot -Overlay "${overlay}:ro" -- ls /srv | Should -Be kept
    }

    It 'shows as a table' {
        $null = Start-ContainerInstance $image table
        $text = Get-ContainerInstance | Out-String
        $text | Should -Match 'Name +State +ProcessId +Started +Image +Overlay'
        $text | Should -Match 'table +Running +\d+ .* a\.sif'
    }

    It 'has a name of its own' {
        $null = Start-ContainerInstance $image one
        { Start-ContainerInstance $image one -ErrorAction Stop } | Should -Throw -ErrorId 'InstanceExists,*'
        { Start-ContainerInstance $image 'a b' -ErrorAction Stop } | Should -Throw -ErrorId 'InstanceNameInvalid,*'
    }

    It 'is not there when it was not started' {
        { Get-ContainerInstance none -ErrorAction Stop } | Should -Throw -ErrorId 'InstanceNotFound,*'
        { Stop-ContainerInstance none -ErrorAction Stop } | Should -Throw -ErrorId 'InstanceNotFound,*'
        Start-ContainerInstance $image none -WhatIf
        Get-ContainerInstance | Should -BeNullOrEmpty
    }

    It 'completes names' {
        $null = Start-ContainerInstance $image completed
        $line = 'Stop-ContainerInstance com'
        (TabExpansion2 $line $line.Length).CompletionMatches.CompletionText | Should -Be completed
    }
}

Describe 'Output of Invoke-ContainerWithOverlay' -Skip:($missing.Count -gt 0) {
    BeforeAll {
        $root = Join-Path ([IO.Path]::GetTempPath()) "overlaytools-pester-output-$PID"
        'bin', 'etc', 'tmp', 'proc', 'sys', 'dev', 'root' | ForEach-Object { $null = New-Item (Join-Path $root $_) -ItemType Directory -Force }
        Copy-Item (Get-Command busybox).Source (Join-Path $root bin busybox)
        'sh', 'cat', 'yes', 'echo', 'printf', 'sleep' | ForEach-Object { ln -s busybox "$root/bin/$_" }
    }

    AfterAll {
        Remove-Item $root -Recurse -Force
    }

    It 'ends the command when the first line was enough' {
        Invoke-ContainerWithOverlay $root -- yes | Select-Object -First 1 | Should -Be y
        1..1000000 | Invoke-ContainerWithOverlay $root -- cat | Select-Object -First 2 | Should -Be '1', '2'
    }

    It 'is one string, or bytes' {
        Invoke-ContainerWithOverlay $root -Raw -- printf 'a\nb' | Should -BeExactly "a`nb"
        (Invoke-ContainerWithOverlay $root -Raw -AsByteStream -- printf '\377\000') -join ' ' | Should -Be '255 0'
    }

    It 'is an object' {
        $result = Invoke-ContainerWithOverlay $root -AsObject -- sh -c 'echo out; echo problem >&2; exit 3'
        $result.ExitCode | Should -Be 3
        $result.Output | Should -Be out
        $result.Error | Should -Be problem
        $result | Out-String | Should -Match 'ExitCode +Duration +Engine +Command +Output'
    }

    It 'is an error when asked' {
        { Invoke-ContainerWithOverlay $root -ErrorOnExit -ErrorAction Stop -- sh -c 'exit 3' } | Should -Throw -ErrorId 'ContainerCommandFailed,*'
        { Invoke-ContainerWithOverlay $root -TimeoutSeconds 0.2 -ErrorAction Stop -- sleep 1000 } | Should -Throw -ErrorId 'ContainerTimeout,*'
    }
}
