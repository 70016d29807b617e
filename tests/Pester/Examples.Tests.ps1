# The examples of the help pages, and the commands of README and docs, run as they stand, each in a folder of its own with the
# files that they name.
BeforeDiscovery {
    Import-Module ($env:OVERLAYTOOLS_MANIFEST ?? (Join-Path $PSScriptRoot '../../OverlayTools.psd1'))
    $needed = 'busybox', 'mksquashfs', 'openssl', 'tar'
    if ((id -u) -ne 0) { $needed += 'squashfuse', 'fuse2fs', 'fuse-overlayfs', 'newuidmap' }
    $script:missing = @($needed | Where-Object { -not (Get-Command $_ -CommandType Application -ErrorAction Ignore) })
    if ($missing) { Write-Warning "The examples are not tested: they need $($missing -join ', ')." }

    # What cannot be run here, and why.
    $notRun = @{
        'Add-SifSignature 4'            = 'it asks for a passphrase, twice'
        'Invoke-ContainerWithOverlay 11' = 'it starts a shell on the terminal'
        'Start-ContainerInstance 2'     = 'it follows a file until it is stopped'
    }
    $script:examples = foreach ($page in Get-ChildItem (Join-Path $PSScriptRoot '../../docs/en-US/*-*.md')) {
        $text = [regex]::Match((Get-Content $page -Raw), '(?ms)^## EXAMPLES$(.*?)^## ').Groups[1].Value
        foreach ($match in [regex]::Matches($text, '(?ms)^### Example (\d+): (.*?)$(.*?)(?=^### |\z)')) {
            $key = "$($page.BaseName) $($match.Groups[1].Value)"
            $code = [regex]::Matches($match.Groups[3].Value, '(?ms)^```powershell$(.*?)^```$')
            @{
                Key    = $key
                Title  = $match.Groups[2].Value.Trim()
                Code   = ($code | ForEach-Object { $_.Groups[1].Value.Trim() }) -join "`n"
                NotRun = $notRun[$key]
            }
        }
    }

    # Fenced blocks: what stands behind a prompt is a command, other lines are what it wrote. <!-- not run: why --> marks one that is not.
    $root = (Resolve-Path (Join-Path $PSScriptRoot '../..')).Path
    $pages = @(Get-Item (Join-Path $root README.md)) + @(Get-ChildItem (Join-Path $root docs/*.md))
    $script:examples += foreach ($page in $pages) {
        $number = 0
        foreach ($match in [regex]::Matches((Get-Content $page -Raw), '(?ms)(?:^<!-- not run: (?<why>[^\n]*) -->\n)?^```powershell$(?<code>.*?)^```$')) {
            $lines = $match.Groups['code'].Value.Trim() -split "`n"
            $typed = @($lines -match '^PS> ' -replace '^PS> ')
            @{
                Key    = "$($page.BaseName) $((++$number))"
                Title  = "the block of $($page.Name)"
                Code   = ($typed ? $typed : $lines) -join "`n"
                NotRun = $match.Groups['why'].Success ? $match.Groups['why'].Value : $null
            }
        }
    }

    # The table that translates Apptainer's commands: each command in its second column.
    $shell = 'it starts a shell on the terminal'
    $rows = [regex]::Matches((Get-Content (Join-Path $root README.md) -Raw), '(?m)^\| `(?:\\\||[^|])+` \| (?<here>`(?:\\\||[^|])+`) \|$')
    $script:examples += foreach ($row in $rows) {
        foreach ($match in [regex]::Matches($row.Groups['here'].Value, '`([^`]+)`')) {
            $code = $match.Groups[1].Value.Replace('\|', '|')
            @{ Key = $code; Title = 'in place of Apptainer''s command'; Code = $code; NotRun = $code -match ' -Shell' ? $shell : $null }
        }
    }
    $script:notRunCount = $notRun.Count + 1 + 1   # ./build.ps1 of README, and the shell of its table
}

BeforeAll {
    Import-Module ($env:OVERLAYTOOLS_MANIFEST ?? (Join-Path $PSScriptRoot '../../OverlayTools.psd1'))

    # Files that an example makes, and that are not to be there before.
    $made = @{
        'Add-SifSignature 1'      = 'release.pem', 'release.pub'
        'Convert-OverlayImage 1'  = 'conda.sqfs'
        'Copy-OverlayImage 3'     = 'overlay.img'
        'Export-SifObject 1'      = 'overlay.img'
        'Measure-OverlaySource 3' = 'changes.img'
        'New-OverlayImage 1'      = 'overlay.img'
        'New-OverlayImage 2'      = 'nginx.img'
        'New-OverlayImage 4'      = 'conda.img'
        'New-SifImage 1'          = 'debian.sif'
        'New-SifImage 2'          = 'box.sif'
        'New-SifImage 4'          = 'box.sif'
        'README 1'                = 'changes.img'
        'New-OverlayImage ov.img -SizeBytes 1GB' = 'ov.img'
        'New-OverlayImage ov.img 10GB -InodeCount 400000 -Source DIR' = 'ov.img'
    }

    # What happened before the example.
    $before = @{
        'Add-SifObject 2'          = { 1..5 | ForEach-Object { Add-SifObject old.sif notes.txt -DataType Generic } }
        'Add-SifObject 4'          = { 1..47 | ForEach-Object { Add-SifObject full.sif notes.txt -DataType Generic -ErrorAction Ignore } }
        'Add-SifPartition 1'       = { Remove-SifObject ubuntu.sif 3 }
        'Add-SifPartition 3'       = { Remove-SifObject ubuntu.sif 3 }
        'Compare-OverlayImage 5'   = { $null = New-OverlayImage debian.sif -Source ./data -FakeRoot }
        'Invoke-ContainerWithOverlay 5' = { $null = New-OverlayImage debian.sif }
        'Invoke-ContainerWithOverlay 9' = { Invoke-ContainerWithOverlay debian.sif -Overlay overlay.img -- touch /var/log/today }
        'Optimize-SifImage 2'      = { Remove-SifObject ubuntu.sif 3; Add-SifObject ubuntu.sif notes.txt -DataType Generic }
        'Remove-SifObject 3'       = { Add-SifSignature ubuntu.sif release.pem }
        'Repair-OverlayImage 3'    = { Add-SifObject debian.sif notes.txt -DataType Generic; $null = New-OverlayImage debian.sif }
        'Resize-OverlayImage 4'    = { Resize-OverlayImage overlay.img 1GB }
        'Restore-OverlayImage 1'   = { $null = Checkpoint-OverlayImage overlay.img before-upgrade }
        'Restore-OverlayImage 2'   = { $null = Checkpoint-OverlayImage overlay.img before-upgrade }
        'Stop-ContainerInstance 1' = { $null = Start-ContainerInstance debian.sif db -FakeRoot }
        'Stop-ContainerInstance 2' = { $null = Start-ContainerInstance debian.sif db -FakeRoot }
        'Stop-ContainerInstance 3' = { $null = Start-ContainerInstance debian.sif web1 -FakeRoot }
        'Get-ContainerInstance 1'  = { $null = Start-ContainerInstance debian.sif db -FakeRoot }
        'Get-ContainerInstance 2'  = { $null = Start-ContainerInstance debian.sif db -FakeRoot }
        'Invoke-ContainerWithOverlay x.sif -Writable -FakeRoot -- ls /' = { Copy-Item box.sif x.sif }
        'Export-SifObject x.sif -Id 3 -Destination f' = { Copy-Item c.sif x.sif }
        'Remove-SifObject x.sif -Id 3' = { Copy-Item c.sif x.sif }
        'Set-SifPrimaryPartition x.sif -Id 3' = { Copy-Item both.sif x.sif }
        'Get-SifSignature x.sif -KeyPath pub.pem' = { Copy-Item tools.sif x.sif }
        'Test-SifImage x.sif -KeyPath pub.pem' = { Copy-Item tools.sif x.sif }
        'Copy-OverlayItem ov.img -ItemPath /etc -Destination out -Recurse' = { Copy-Item overlay.img ov.img }
    }

    function New-Scene([string] $Folder) {
        $null = New-Item $Folder -ItemType Directory
        Push-Location $Folder
        try {
            foreach ($name in 'bin', 'etc/apt', 'tmp', 'proc', 'sys', 'dev', 'root', 'srv', 'var/log', 'var/tmp', 'opt', 'usr/share/doc/a', 'home') {
                $null = New-Item "rootfs/$name" -ItemType Directory -Force
            }
            Copy-Item (Get-Command busybox).Source rootfs/bin/busybox
            'sh', 'cat', 'ls', 'touch', 'sort', 'id', 'echo', 'rm', 'tar', 'mkdir', 'sleep', 'date' | ForEach-Object { ln -s busybox "rootfs/bin/$_" }
            Set-Content rootfs/bin/make "#!/bin/sh`nexit 0"
            chmod 755 rootfs/bin/make
            Set-Content rootfs/etc/passwd 'root:x:0:0:root:/root:/bin/sh'
            Set-Content rootfs/etc/group 'root:x:0:'
            'motd', 'hosts', 'hostname', 'app.conf' | ForEach-Object { Set-Content "rootfs/etc/$_" $_ }

            # Programs of others that an example names; only what it does with their result is tested.
            $null = New-Item programs, data/opt/tool, out, scratch/ana, scratch/overlays, run7 -ItemType Directory -Force
            Set-Content programs/docker "#!/bin/sh`nexec tar -c -C rootfs ."
            Set-Content programs/apptainer "#!/bin/sh`nexit 0"
            chmod 755 programs/docker programs/apptainer

            Set-Content data/opt/tool/file 'content'
            tar -czf data.tar.gz -C data .
            Copy-Item data.tar.gz tools.tar.gz
            mksquashfs data data.sqfs -quiet -no-progress *> $null
            mksquashfs data refs.sqfs -quiet -no-progress *> $null
            Copy-Item data.sqfs reference.squashfs
            $null = New-Item genomes/genomes -ItemType Directory -Force
            Remove-Item refs.sqfs
            mksquashfs genomes refs.sqfs -quiet -no-progress *> $null
            Set-Content debian.def "Bootstrap: localimage"
            Set-Content sbom.cdx.json '{}'
            Set-Content signature.asc '-----BEGIN PGP SIGNED MESSAGE-----'
            Set-Content notes.txt 'notes'
            Set-Content site.conf 'site'
            openssl genpkey -algorithm ed25519 -out release.pem 2> $null
            openssl pkey -in release.pem -pubout -out release.pub 2> $null

            $null = New-SifImage debian.sif rootfs
            'old', 'new', 'full', 'a0', 'service', 'tools', 'download' | ForEach-Object { Copy-Item debian.sif "$_.sif" }
            $null = New-SifImage ubuntu.sif rootfs -DefinitionFile debian.def
            $null = New-OverlayImage ubuntu.sif
            Copy-Item debian.sif box.sif
            $null = New-OverlayImage box.sif -FakeRoot
            Copy-Item debian.sif c.sif
            $null = New-OverlayImage c.sif
            Add-SifObject c.sif notes.txt -DataType Generic
            Copy-Item debian.sif both.sif
            Add-SifPartition both.sif data.sqfs -FileSystem Squashfs -PartitionType System -Architecture arm64
            Add-SifPartition both.sif data.sqfs -FileSystem Squashfs -PartitionType System -Architecture arm64
            Add-SifSignature tools.sif release.pem
            $null = New-OverlayImage changes.img -Source ./data
            'overlay', 'nginx', 'received', 'template', 'db', 'web', 'work', 'more' | ForEach-Object { $null = New-OverlayImage "$_.img" }
            $null = New-OverlayImage conda.img -Source ./data
            Copy-Item data.sqfs conda.sqfs
            Copy-Item debian.sif x.sif
            Copy-Item more.img ov.img
            Copy-Item data DIR -Recurse
            Copy-Item release.pem key.pem
            Copy-Item release.pub pub.pem
            Copy-OverlayItem rootfs/etc/hosts -Image overlay.img -ItemDestination /etc
            Copy-OverlayItem data/opt/tool -Image overlay.img -ItemDestination /opt -Recurse
            Copy-OverlayItem rootfs/etc/app.conf -Image box.sif -ItemDestination /etc
        }
        finally {
            Pop-Location
        }
    }
}

Describe 'Examples' -Skip:($missing.Count -gt 0) {
    BeforeAll {
        # Not below TestDrive: its owner keeps it to himself, and root in a container is somebody else.
        $all = Join-Path ([IO.Path]::GetTempPath()) "overlaytools-examples-$PID"
        $null = New-Item $all -ItemType Directory
        $scene = Join-Path $all scene
        New-Scene $scene
        $path, $state = $env:PATH, $env:XDG_STATE_HOME
    }

    AfterAll {
        $env:PATH, $env:XDG_STATE_HOME = $path, $state
        Remove-Item $all -Recurse -Force
    }

    It '<Key>: <Title>' -ForEach $examples {
        if ($NotRun) {
            Set-ItResult -Skipped -Because $NotRun
            return
        }

        $Code | Should -Not -BeNullOrEmpty
        $folder = Join-Path $all ($Key -replace '[^A-Za-z0-9]+', '-')
        cp -r --sparse=always --reflink=auto $scene $folder
        $env:PATH = "$(Join-Path $folder programs):$path"
        $env:XDG_STATE_HOME = Join-Path $folder state
        Push-Location $folder
        try {
            if ($before[$Key]) { & $before[$Key] }
            if ($made[$Key]) { Remove-Item $made[$Key] }
            # An overlay is its user's, or root's where the example runs as root in a container.
            if ($Code -match '-FakeRoot') { Set-OverlayImage *.img -FakeRoot -Recurse }
            # Places and users of the machine that the page speaks of.
            $here = $Code -creplace '/scratch/', "$folder/scratch/" -creplace '/data/run7', "$folder/run7" -creplace 'ben:users', 'nobody:users' `
                -creplace '-Owner ana', '-Owner nobody' -creplace ' -Confirm$', ''
            $ConfirmPreference = 'None'
            $out = @(& ([scriptblock]::Create($here)) *>&1)
            # What a command in a container writes to its standard error is no failure of the example.
            $failures = $out | Where-Object { $_ -is [Management.Automation.ErrorRecord] -and $_.FullyQualifiedErrorId -notlike 'NativeCommandError*' }
            $failures | ForEach-Object { "$($_.FullyQualifiedErrorId): $_" } | Should -BeNullOrEmpty
        }
        finally {
            Stop-ContainerInstance * -Force -ErrorAction Ignore
            Pop-Location
            Remove-Item $folder -Recurse -Force
        }
    }

    It 'runs all but those that say why not' -ForEach @{ examples = $examples; expected = $notRunCount } {
        @($examples | Where-Object NotRun).Count | Should -Be $expected
        @($examples | Where-Object { -not $_.NotRun -and -not $_.Code }).Count | Should -Be 0
        @($examples | Where-Object Key -Like 'README*').Count | Should -BeGreaterOrEqual 2
        @($examples | Where-Object Title -Like 'in place of*').Count | Should -BeGreaterThan 20
    }

    It 'runs the quickstart' {
        $folder = Join-Path $all quickstart
        $said = pwsh -NoProfile -NonInteractive -Command {
            param($manifest, $script, $folder)
            Import-Module $manifest
            & $script $folder
        } -args (Get-Module OverlayTools).Path.Replace('bin/OverlayTools.dll', 'OverlayTools.psd1'), (Join-Path $PSScriptRoot '../../docs/examples/quickstart.ps1'), $folder
        $LASTEXITCODE | Should -Be 0 -Because ($said -join "`n")
        @($said -match '^kept$').Count | Should -Be 2
        $said | Should -Contain 'no note here'
        (Get-OverlayImage $folder/changes.img).SizeBytes | Should -Be 256MB
    }

    It 'speaks of no example that is gone' -ForEach @{ keys = $examples.Key } {
        $before.Keys + $made.Keys | Where-Object { $_ -notin $keys } | Should -BeNullOrEmpty
    }
}
