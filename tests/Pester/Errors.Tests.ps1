# What a user sees of an error: a list of commands that fail, and the ids that need a special scene. The table is docs/errors.md.
BeforeDiscovery {
    $script:isRoot = (id -u) -eq 0
    $script:failures = @(
        @{ Id = 'OverlayFileNotFound'; Command = { Get-OverlayImage no.img } }
        @{ Id = 'OverlayFileNotFound'; Command = { Test-OverlayImage no.img } }
        @{ Id = 'OverlayFileNotFound'; Command = { Resize-OverlayImage no.img 1GB } }
        @{ Id = 'OverlayFileNotFound'; Command = { New-OverlayImage no/where/a.img } }
        @{ Id = 'OverlayFileNotFound'; Command = { Invoke-ContainerWithOverlay no.sif -- true } }
        @{ Id = 'OverlayFileNotFound'; Command = { Get-SifDescriptor no.sif } }
        @{ Id = 'OverlayFileNotFound'; Command = { New-SifImage new.sif no.tree } }
        @{ Id = 'OverlayFileNotFound'; Command = { Copy-OverlayImage no.img copy.img } }
        @{ Id = 'OverlayAlreadyExists'; Command = { New-OverlayImage overlay.img } }
        @{ Id = 'OverlayNotExt3'; Command = { Get-OverlayImage text.txt } }
        @{ Id = 'OverlayNotExt3'; Command = { Repair-OverlayImage text.txt } }
        @{ Id = 'SifBadMagic'; Command = { Get-SifDescriptor text.txt } }
        @{ Id = 'SifBadMagic'; Command = { Optimize-SifImage text.txt } }
        @{ Id = 'SifDescriptorNotFound'; Command = { Remove-SifObject image.sif 9 } }
        @{ Id = 'SifDescriptorNotFound'; Command = { Export-SifObject image.sif 9 -Destination out } }
        @{ Id = 'SifPrimaryPartitionProtected'; Command = { Remove-SifObject image.sif 1 } }
        @{ Id = 'OverlaySizeTooSmall'; Command = { New-OverlayImage small.img 1MB } }
        @{ Id = 'OverlayBelowMinimumSize'; Command = { Resize-OverlayImage overlay.img 1MB } }
        @{ Id = 'OverlayFull'; Command = { Copy-OverlayItem large -Image overlay.img -ItemDestination / } }
        @{ Id = 'OverlayItemNotFound'; Command = { Remove-OverlayItem overlay.img /etc/none } }
        @{ Id = 'OverlayLabelInvalid'; Command = { Set-OverlayImage overlay.img -Label 'longer than sixteen bytes' } }
        @{ Id = 'CheckpointNotFound'; Command = { Restore-OverlayImage overlay.img none -Confirm:$false } }
        @{ Id = 'InstanceNotFound'; Command = { Stop-ContainerInstance no-such-instance } }
        @{ Id = 'PathNotFileSystem'; Command = { New-OverlayImage Env:/a.img } }
        @{ Id = 'ContainerCommandMissing'; Command = { Invoke-ContainerWithOverlay image.sif } }
        @{ Id = 'TooManyWritableOverlays'; Command = { Invoke-ContainerWithOverlay image.sif -Overlay overlay.img, other.img -- true } }
        @{ Id = 'ContainerOptionInvalid'; Command = { Invoke-ContainerWithOverlay image.sif -Bind /etc:relative -- true } }
        @{ Id = 'OverlayInUse'; Command = { Invoke-ContainerWithOverlay image.sif -Overlay locked.img -- true } }
        @{ Id = 'OverlayInUse'; Command = { Resize-OverlayImage locked.img 128MB } }
        @{ Id = 'OverlaySizeTooLarge'; Command = { Resize-OverlayImage overlay.img 100TB } }
        @{ Id = 'InvalidDirectoryName'; Command = { New-OverlayImage new.img -CreateDirectory ../out } }
        @{ Id = 'ImageNotRecognized'; Command = { Invoke-ContainerWithOverlay text.txt -- true } }
        @{ Id = 'SifVersionUnsupported'; Command = { Get-SifDescriptor later.sif } }
        @{ Id = 'SifPrimaryPartitionExists'; Command = { Add-SifPartition image.sif overlay.img -PartitionType PrimarySystem } }
        @{ Id = 'SifInvalidValue'; Command = { Add-SifObject image.sif text.txt -DataType 9 } }
        @{ Id = 'KeyInvalid'; Command = { Add-SifSignature image.sif text.txt } }
        @{ Id = 'TarCorrupt'; Command = { Measure-OverlaySource text.txt } }
        @{ Id = 'CheckpointNameInvalid'; Command = { Checkpoint-OverlayImage overlay.img a.b } }
        @{ Id = 'InstanceNameInvalid'; Command = { Start-ContainerInstance image.sif 'no name' } }
        @{ Id = 'IOFailed'; Command = { Get-OverlayImage -LiteralPath loop.img } }
    )
}

BeforeAll {
    $script:manifest = (Resolve-Path ($env:OVERLAYTOOLS_MANIFEST ?? (Join-Path $PSScriptRoot '../../OverlayTools.psd1'))).Path
    Import-Module $manifest

    function Get-Failure([scriptblock] $Command) {
        try {
            $out = @(& $Command 2>&1)
            $out | Where-Object { $_ -is [Management.Automation.ErrorRecord] } | Select-Object -First 1
        }
        catch {
            $_
        }
    }

    function Assert-Useful($Failure, [string] $Id) {
        $Failure | Should -Not -BeNullOrEmpty
        ($Failure.FullyQualifiedErrorId -split ',')[0] | Should -Be $Id
        $Failure.CategoryInfo.Category | Should -Not -Be NotSpecified
        $Failure.TargetObject | Should -Not -BeNullOrEmpty
        $Failure.ErrorDetails.RecommendedAction | Should -Not -BeNullOrEmpty
        # No name of an exception's type, no number or name of a system error, no trace.
        "$Failure" | Should -Not -MatchExactly '[A-Z]\w+Exception|errno|HRESULT|\bE[A-Z]{3,}\b|0x[0-9A-Fa-f]{8}|\n\s+at '
    }

    function Need-Tool([string] $Name) {
        if (-not (Get-Command $Name -CommandType Application -ErrorAction Ignore)) { Set-ItResult -Skipped -Because "it needs $Name" }
    }
}

Describe 'An error' {
    BeforeAll {
        $script:folder = Join-Path ([IO.Path]::GetTempPath()) "overlaytools-errors-$PID"
        $null = New-Item $folder/root/bin, $folder/root/etc, $folder/out -ItemType Directory -Force
        Push-Location $folder
        chmod 755 .
        $null = New-SifImage image.sif root -FileSystem Ext3
        $null = New-SifImage foreign.sif root -FileSystem Ext3 -Architecture ppc64le
        'overlay', 'other', 'locked' | ForEach-Object { $null = New-OverlayImage "$_.img" -FakeRoot }
        Set-Content text.txt ('text ' * 4000)
        [IO.File]::WriteAllBytes("$folder/large", [byte[]]::new(80MB))
        ln -s loop.img loop.img
        # The version of the format is text behind the magic.
        $later = [IO.File]::ReadAllBytes("$folder/image.sif")
        $later[42], $later[43] = [byte[]]('0'[0], '2'[0])
        [IO.File]::WriteAllBytes("$folder/later.sif", $later)
        # As Apptainer locks, from a process of its own: a range of the open file.
        $program = 'import fcntl, sys; f = open("locked.img", "r+b"); fcntl.lockf(f, fcntl.LOCK_EX); print("held", flush=True); sys.stdin.read()'
        $start = [Diagnostics.ProcessStartInfo]::new('python3', [string[]]('-c', $program))
        $start.WorkingDirectory = $folder
        $start.RedirectStandardInput = $start.RedirectStandardOutput = $true
        $script:holder = [Diagnostics.Process]::Start($start)
        $null = $holder.StandardOutput.ReadLine()
    }

    AfterAll {
        if ($holder) {
            $holder.StandardInput.Close()
            $holder.WaitForExit()
        }
        Pop-Location
        Remove-Item $folder -Recurse -Force
    }

    It 'has <Id>, a category, a target, and what to do: <Command>' -ForEach $failures {
        Assert-Useful (Get-Failure $Command) $Id
    }

    It 'shows nothing of what is below it with Format-List -Force: <Command>' -ForEach $failures {
        $list = Get-Failure $Command | Format-List -Force | Out-String -Width 400
        $list | Should -Match 'FullyQualifiedErrorId : '
        # Save where in the script it was, and PowerShell's own name for that, and the cmdlet's class in the id.
        $list = $list -replace '(?s)InvocationInfo +:.*?(?=PipelineIterationInfo)' -replace 'OverlayTools\.Commands\.\w+Command'
        $list | Should -Not -MatchExactly 'System\.|OverlayTools\.|LinuxException|IOException|errno|HRESULT|\n\s+at '
    }

    It 'is caught: <Command>' -ForEach $failures {
        $caught = $null
        $ErrorActionPreference = 'Stop'
        try { $null = & $Command } catch { $caught = $_ }
        ($caught.FullyQualifiedErrorId -split ',')[0] | Should -Be $Id
    }

    It 'shows what to do, and with Format-List -Force what it was about' {
        Get-OverlayImage no.img -ErrorAction SilentlyContinue -ErrorVariable failure
        $failure[0].ErrorDetails.RecommendedAction | Should -BeExactly 'Check the path.'
        # PowerShell 7.4 has it in the record, but does not print it.
        if ($PSVersionTable.PSVersion -ge [version] '7.5') { $failure[0] | Out-String | Should -Match 'Recommendation: Check the path' }
        $list = $failure[0] | Format-List -Force | Out-String
        $list | Should -Match 'Exception +: .*Check the path'
        $list | Should -Not -Match ' at OverlayTools\.'
        $list | Should -Match 'TargetObject +: .*no\.img'
        $list | Should -Match 'FullyQualifiedErrorId +: OverlayFileNotFound'
        $list | Should -Match 'CategoryInfo +: ObjectNotFound'
    }

    It 'has OptionConflict for what excludes each other' {
        Assert-Useful (Get-Failure { Invoke-ContainerWithOverlay image.sif -Writable -WritableTmpfs -- true }) OptionConflict
    }

    It 'has SifVersionUnsupported for an image of a later version' {
        Assert-Useful (Get-Failure { Get-SifDescriptor later.sif }) SifVersionUnsupported
    }

    It 'has ArchitectureMismatch for an image of another processor' {
        Assert-Useful (Get-Failure { Invoke-ContainerWithOverlay foreign.sif -- true }) ArchitectureMismatch
    }

    It 'has IOFailed for a link that leads to itself' {
        Assert-Useful (Get-Failure { Get-OverlayImage -LiteralPath loop.img }) IOFailed
    }

    It 'has HelperFailed when e2fsck gives up' {
        Need-Tool debugfs
        $null = New-OverlayImage damaged.img
        debugfs -w -R 'set_inode_field /upper links_count 9' damaged.img *> $null
        $null = New-Item programs -ItemType Directory
        Set-Content programs/e2fsck "#!/bin/sh`nexit 8"
        chmod 755 programs/e2fsck
        $path = $env:PATH
        try {
            $env:PATH = "$folder/programs:$path"
            Assert-Useful (Get-Failure { Repair-OverlayImage damaged.img -Full }) HelperFailed
        }
        finally {
            $env:PATH = $path
        }
    }

    It 'has NativeCommandError for what a command complains about' -Skip:(-not (Get-Command busybox -CommandType Application -ErrorAction Ignore)) {
        Copy-Item (Get-Command busybox).Source root/bin/busybox
        ln -s busybox root/bin/sh
        $null = New-SifImage shell.sif root -Force
        $failure = Get-Failure { Invoke-ContainerWithOverlay shell.sif -- sh -c 'echo complaint >&2' }
        ($failure.FullyQualifiedErrorId -split ',')[0] | Should -Be NativeCommandError
        "$failure" | Should -Be complaint
    }

    It 'has HolesUnsupported where files cannot have holes' -Skip:(-not $isRoot) {
        $null = New-Item memory -ItemType Directory
        mount -t ramfs ramfs memory 2> $null
        if ($LASTEXITCODE) {
            Set-ItResult -Skipped -Because 'it needs the right to mount'
            return
        }
        try {
            $null = New-OverlayImage memory/a.img
            Assert-Useful (Get-Failure { Optimize-OverlayImage memory/a.img }) HolesUnsupported
        }
        finally {
            umount memory
        }
    }

    It 'names the file that is no image, one of several' {
        'one', 'two' | ForEach-Object { Set-Content "$_.none" text }
        $said = foreach ($look in { Get-OverlayImage *.none }, { Test-OverlayImage *.none }, { Get-SifImage *.none }, { Measure-OverlaySource *.none }) {
            & $look 2>&1 | ForEach-Object { "$_" }
        }
        @($said -match 'one\.none').Count | Should -Be 4
        @($said -match 'two\.none').Count | Should -Be 4
        $said.Count | Should -Be 8
    }

    It 'has AccessDenied or OverlayNotWritable for what an ordinary user may not write' -Skip:(-not $isRoot) {
        Need-Tool setpriv
        $said = setpriv --reuid=65534 --regid=65534 --clear-groups (Get-Process -Id $PID).Path -NoProfile -Command "
            Import-Module '$manifest'; Set-Location '$folder'
            foreach (`$command in { Resize-OverlayImage overlay.img 128MB }, { Set-OverlayImage overlay.img -Label a }, { New-OverlayImage new.img },
                { New-OverlayImage image.sif }, { Add-SifObject image.sif text.txt -DataType Generic }) {
                `$null = & `$command 2>&1
                `$_ = `$Error[0]
                `"`$(`$_.FullyQualifiedErrorId.Split(',')[0]) `$(`$_.CategoryInfo.Category) `$([bool]`$_.TargetObject) `$([bool]`$_.ErrorDetails.RecommendedAction)`"
                `$Error.Clear()
            }"
        $said.Count | Should -Be 5
        $said | Should -Match '^(AccessDenied|OverlayNotWritable) PermissionDenied True True$'
    }
}
