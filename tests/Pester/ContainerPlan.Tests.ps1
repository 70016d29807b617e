BeforeDiscovery {
    $needed = 'unshare'
    if ((id -u) -ne 0) { $needed = 'unshare', 'squashfuse', 'fuse2fs', 'fuse-overlayfs', 'newuidmap' }
    $script:missing = @($needed | Where-Object { -not (Get-Command $_ -CommandType Application -ErrorAction Ignore) })
    if ($missing) { Write-Warning "Plans of containers are not tested: they need $($missing -join ', ')." }
}

BeforeAll {
    Import-Module ($env:OVERLAYTOOLS_MANIFEST ?? (Join-Path $PSScriptRoot '../../OverlayTools.psd1'))
}

Describe 'Invoke-ContainerWithOverlay -PlanOnly' -Skip:($missing.Count -gt 0) {
    BeforeAll {
        $root = Join-Path $TestDrive root
        $null = New-Item (Join-Path $root etc) -ItemType Directory -Force
        $overlay = Join-Path $TestDrive o.img
        $null = New-OverlayImage $overlay -FakeRoot
    }

    It 'emits what would be done, with a table and a list of its own' {
        $plan = Invoke-ContainerWithOverlay $root -FakeRoot -Overlay $overlay -Bind '/usr:/host:ro' -Hostname box -PlanOnly -- touch /x
        $plan.Layers.Path | Should -Be $root, $overlay
        $plan.Stack.Upper | Should -Be 1
        $plan.Command | Should -Be touch, /x
        ($plan.Mounts | Where-Object Destination -EQ /host).ReadOnly | Should -BeTrue
        $plan | Format-Table | Out-String -Width 200 | Should -Match 'Identity +Stack +Layers +Mounts +Image +Command'
        $list = $plan | Format-List | Out-String -Width 300
        $list | Should -Match '1: .*o\.img: .*writable, takes the changes'
        $list | Should -Match "/host: the host's /usr, read-only"
        $list | Should -Match "host name 'box'"
    }

    It 'refuses what a start would refuse' {
        { Invoke-ContainerWithOverlay $root -TmpfsSizeBytes 1MB -PlanOnly -ErrorAction Stop -- true } |
            Should -Throw -ErrorId 'OptionConflict,*'
        { Invoke-ContainerWithOverlay $root -Bind /a:b -PlanOnly -ErrorAction Stop -- true } |
            Should -Throw -ErrorId 'ContainerOptionInvalid,*'
    }

    It 'takes the names of Apptainer''s options' {
        $plan = Invoke-ContainerWithOverlay $root -no-mount proc -no-home -cleanenv -env @{ A = 1 } -cwd /etc -pid -ipc -no-privs -writable-tmpfs -PlanOnly -- true
        $plan.Namespaces.Processes, $plan.Namespaces.Ipc, $plan.NoPrivileges | Should -Be $true, $true, $true
        $plan.Environment.Overrides['A'] | Should -Be 1
        $plan.WorkingDirectories | Should -Be /etc
        $plan.Mounts.Destination | Should -Not -Contain /proc
    }

    It 'offers what can be left out' {
        $line = 'Invoke-ContainerWithOverlay x -NoMount dev'
        (TabExpansion2 $line $line.Length).CompletionMatches.CompletionText | Should -Be dev, devpts
    }
}
