# What must not have happened: -WhatIf and a declined -Confirm change no byte, and what is stopped in the middle leaves no scraps.
BeforeDiscovery {
    Import-Module ($env:OVERLAYTOOLS_MANIFEST ?? (Join-Path $PSScriptRoot '../../OverlayTools.psd1'))
    $needed = 'busybox', 'openssl', 'debugfs', 'mksquashfs'
    if ((id -u) -ne 0) { $needed += 'squashfuse', 'fuse2fs', 'fuse-overlayfs' }
    $script:missing = @($needed | Where-Object { -not (Get-Command $_ -CommandType Application -ErrorAction Ignore) })
    if ($missing) { Write-Warning "What changes nothing is not tested: it needs $($missing -join ', ')." }

    # {0} is where a switch goes. Each of them does change something when it is let: that is looked at, too.
    $lines = @(
        'Add-SifObject a.sif notes.txt -DataType Generic {0}'
        'Add-SifPartition a.sif data.sqfs -PartitionType Data {0}'
        'Add-SifSignature a.sif key.pem {0}'
        'Checkpoint-OverlayImage a.img one {0}'
        'Checkpoint-OverlayImage b.sif one -Id 2 {0}'
        'Convert-OverlayImage a.img new.sqfs {0}'
        'Convert-OverlayImage b.sif b.sif -Replace {0}'
        'Copy-OverlayImage a.img new.img {0}'
        'Copy-OverlayItem large -Image a.img -ItemDestination /new {0}'
        'Copy-OverlayItem a.img -ItemPath /data -Destination new -Recurse {0}'
        'Export-SifObject a.sif 1 -Destination new.bin {0}'
        'Invoke-ContainerWithOverlay a.sif -Overlay a.img {0} -- touch /new'
        'Merge-OverlayImage a.img new.sif -Base a.sif {0}'
        'New-OverlayImage new.img 16MB -Force {0}'
        'New-OverlayImage a.sif 16MB -Force {0}'
        'New-OverlayImage a.img 16MB -Source tree -Force {0}'
        'New-SifImage new.sif tree {0}'
        'New-SifImage a.sif tree -Force {0}'
        'Optimize-OverlayImage holes.img {0}'
        'Optimize-SifImage wasted.sif {0}'
        'Remove-OverlayItem a.img /data -Recurse {0}'
        'Remove-SifObject b.sif 2 {0}'
        'Repair-OverlayImage dirty.img -Full {0}'
        'Resize-OverlayImage a.img 64MB {0}'
        'Resize-OverlayImage a.img -ToMinimumSize {0}'
        'Resize-OverlayImage b.sif 64MB -Id 2 {0}'
        'Resize-OverlayImage a.img -InodeCount 9000 {0}'
        'Restore-OverlayImage kept.img one {0}'
        'Set-OverlayImage a.img -Label new {0}'
        'Set-OverlayImage a.img -Owner 4711 -Recurse {0}'
        'Set-SifPrimaryPartition both.sif 2 {0}'
        'Start-ContainerInstance a.sif new {0}'
        'Stop-ContainerInstance running {0}'
    )
    $script:commands = foreach ($line in $lines) { @{ Line = $line; Shown = $line -replace ' ?\{0\}' } }
}

BeforeAll {
    $script:manifest = (Resolve-Path ($env:OVERLAYTOOLS_MANIFEST ?? (Join-Path $PSScriptRoot '../../OverlayTools.psd1'))).Path
    Import-Module $manifest

    # Everything about all files in a folder that a user could notice.
    function Get-Tree([string] $Folder) {
        $metadata = find $Folder -printf '%P %y %s %m %U:%G %T@ %l\n' | Where-Object { $_ -notmatch '^(sub|state/overlaytools/instances/[^ ]*/logs)' }
        $bytes = find $Folder -type f -exec sha256sum '{}' + | Where-Object { $_ -notmatch '/logs/' }
        @($metadata) + @($bytes) | Sort-Object
    }

    function New-Scene([string] $Folder) {
        $null = New-Item $Folder -ItemType Directory
        Set-Location $Folder
        $null = New-Item tree/bin, tree/etc, tree/data -ItemType Directory
        Copy-Item (Get-Command busybox).Source tree/bin/busybox
        'sh', 'touch', 'sleep' | ForEach-Object { ln -s busybox "tree/bin/$_" }
        1..40 | ForEach-Object { [IO.File]::WriteAllBytes("$Folder/tree/data/$_", [Security.Cryptography.RandomNumberGenerator]::GetBytes(100KB)) }
        [IO.File]::WriteAllBytes("$Folder/large", [Security.Cryptography.RandomNumberGenerator]::GetBytes(4MB))
        Set-Content notes.txt notes
        openssl genpkey -algorithm ed25519 -out key.pem 2> $null
        mksquashfs tree data.sqfs -quiet -no-progress *> $null
        $null = New-SifImage a.sif tree -FileSystem Ext3
        Copy-Item a.sif b.sif
        $null = New-OverlayImage b.sif 16MB -Force
        Copy-Item a.sif both.sif
        Add-SifPartition both.sif data.sqfs -PartitionType System
        Copy-Item b.sif wasted.sif
        Add-SifObject wasted.sif notes.txt -DataType Generic
        Remove-SifObject wasted.sif 2
        $null = New-OverlayImage a.img 16MB -Source tree -Force
        $null = New-OverlayImage kept.img 16MB -Force
        $null = Checkpoint-OverlayImage kept.img one
        Copy-OverlayItem notes.txt -Image kept.img -ItemDestination /
        $null = New-OverlayImage holes.img 16MB -Force
        Copy-OverlayItem large -Image holes.img -ItemDestination /
        Remove-OverlayItem holes.img /large
        $null = New-OverlayImage dirty.img 16MB -Source tree -Force
        debugfs -w -R 'set_inode_field /upper links_count 9' dirty.img *> $null
        $null = New-Item state -ItemType Directory
    }

    # A copy of the scene, and one instance that runs in it.
    function Enter-Copy([string] $Name, [string] $Line) {
        $script:folder = Join-Path $all $Name
        cp -a --sparse=always --reflink=auto $scene $folder
        Set-Location $folder
        $env:XDG_STATE_HOME = "$folder/state"
        if ($Line -like 'Stop-*') { $null = Start-ContainerInstance a.sif running }
    }

    function Exit-Copy {
        if (Test-Path $folder/state/overlaytools) { Stop-ContainerInstance * -Force -ErrorAction Ignore }
        Set-Location /
        Remove-Item $folder -Recurse -Force
    }

    function Invoke-Line([string] $Line) {
        $null = & ([scriptblock]::Create(($Line -f '-Confirm:$false'))) 3> $null
    }
}

Describe 'What writes' -Skip:($missing.Count -gt 0) -ForEach @{ every = $commands } {
    BeforeAll {
        $script:lines = $every.Line
        # Not below TestDrive: its owner keeps it to himself, and root in a container is somebody else.
        $script:all = Join-Path ([IO.Path]::GetTempPath()) "overlaytools-unchanged-$PID"
        $null = New-Item $all -ItemType Directory
        $script:scene = Join-Path $all scene
        $script:stateBefore = $env:XDG_STATE_HOME
        New-Scene $scene

        # Everything once with -WhatIf, and once with somebody at the terminal who answers No; and what the folder was like after each.
        Enter-Copy asked 'Stop-ContainerInstance'
        $script:before = Get-Tree $folder
        $play = @("Import-Module '$manifest'", "function Get-Tree {$((Get-Command Get-Tree).Definition)}")
        $play += foreach ($line in $lines) {
            foreach ($switch in '-WhatIf', '-Confirm') {
                "[Console]::WriteLine('## $switch $($line -replace "'", "''")')"
                "`$Error.Clear(); try { $($line -f $switch) } catch { }; `$Error | ForEach-Object { [Console]::WriteLine(""FAILED `$_"") }"
                "[Console]::WriteLine('## tree'); Get-Tree '$folder' | ForEach-Object { [Console]::WriteLine(`$_) }"
            }
        }
        Set-Content "$all/play.ps1" $play
        $said = (@('N') * 200) | pwsh -NoProfile -File "$all/play.ps1" 2>&1
        $script:asked = @{}
        foreach ($part in "$($said -join "`n")`n" -split '(?m)^## (?=-)' -match '^-') {
            $key, $rest = $part -split "`n", 2
            $words, $tree = $rest -split '(?m)^## tree$', 2
            $asked[$key] = @{ Words = $words; Tree = @("$tree".Trim("`n") -split "`n") }
        }
        Exit-Copy

        $script:shell = [powershell]::Create()
        $null = $shell.AddScript("Import-Module '$manifest'").Invoke()
    }

    AfterAll {
        $shell.Dispose()
        $env:XDG_STATE_HOME = $stateBefore
        Set-Location /
        Remove-Item $all -Recurse -Force
    }

    It 'is all here' {
        $asks = (Get-Command -Module OverlayTools -CommandType Cmdlet).Where({ $_.Parameters.ContainsKey('WhatIf') }).Name
        $lines -replace ' .*' | Sort-Object -Unique | Should -Be ($asks | Sort-Object)
    }

    Context '<Shown>' -ForEach $commands {
        It 'changes nothing with -WhatIf' {
            $asked["-WhatIf $Line"].Words | Should -Not -Match 'FAILED'
            $asked["-WhatIf $Line"].Words | Should -Match 'What if: '
            $asked["-WhatIf $Line"].Tree | Should -Be $before
        }

        It 'changes nothing when it is declined' {
            $asked["-Confirm $Line"].Words | Should -Match 'Are you sure'
            $asked["-Confirm $Line"].Words | Should -Not -Match 'FAILED'
            $asked["-Confirm $Line"].Tree | Should -Be $before
        }

        It 'changes something when it is let, and leaves no scraps when it is stopped' {
            Enter-Copy whole $Line
            $start = Get-Tree $folder
            $names = (Get-ChildItem $folder -Force).Name
            Invoke-Line $Line
            Get-Tree $folder | Should -Not -Be $start
            $names += (Get-ChildItem $folder -Force).Name
            Exit-Copy

            foreach ($milliseconds in 3, 30) {
                Enter-Copy "stopped-$milliseconds" $Line
                try {
                    $shell.Commands.Clear()
                    $running = $shell.AddScript("Set-Location '$folder'; $($Line -f '-Confirm:$false')").BeginInvoke()
                    [Threading.Thread]::Sleep($milliseconds)
                    $shell.Stop()
                    try { $null = $shell.EndInvoke($running) } catch [Management.Automation.PipelineStoppedException] { $null = $_ }
                    Get-ChildItem $folder -Force | Where-Object Name -NotIn $names | ForEach-Object Name | Should -BeNullOrEmpty
                    foreach ($image in [regex]::Matches($Line, '\b\w+\.(sif|img)\b') | ForEach-Object Value | Where-Object { (Test-Path $_) -and $_ -ne 'dirty.img' }) {
                        if ($image -like '*.sif') {
                            $objects = @(Get-SifDescriptor $image)
                            $objects | Where-Object Fault | Should -BeNullOrEmpty -Because $image
                            # One that has been signed after all is not valid for who does not give the key.
                            if ('Signature' -notin $objects.DataType) { Test-SifImage $image | Should -BeTrue -Because $image }
                        }
                        else {
                            Test-OverlayImage $image | Should -BeTrue -Because $image
                            (Get-OverlayImage $image).Use | Should -Be Free -Because $image
                        }
                    }
                }
                finally {
                    Exit-Copy
                }
            }
        }
    }
}
