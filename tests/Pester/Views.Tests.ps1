# How objects look in a terminal of 80 columns: what one looks for is there and whole, whatever the names are.
# The rows are stand-ins with the values that real ones have on busy machines; their properties are those of the type.
BeforeDiscovery {
    Import-Module ($env:OVERLAYTOOLS_MANIFEST ?? (Join-Path $PSScriptRoot '../../OverlayTools.psd1'))
    $longest = 'pytorch-2.4-cuda12.6-conda-environment-of-the-whole-group-2026-11.img'
    $directory = '/lustre/project/k1234/users/ada.lovelace/overlays'
    $time = [DateTimeOffset]'2026-11-24T16:16:07Z'
    # Whole: what has to be there as it is written here.
    $script:views = @(
        @{
            Type  = 'OverlayTools.Overlays.OverlayImage'
            Row   = @{
                Path = "$directory/$longest"; Id = 48; SizeBytes = 512.5GB; UsedPercent = 99.9; UsedInodePercent = 99.9; AllocatedBytes = 498.3GB
                State = 'NeedsRecovery'; Owner = '1234567:1234567'; UseSummary = 'Writing 4194304'
            }
            Whole = '512.5 GiB', '99.9%', '498.3 GiB', 'NeedsRecovery', '48', 'Writing 4194304', '1234567', 'pyt'
        }
        @{
            Type  = 'OverlayTools.Overlays.OverlayRepair'
            Row   = @{ Path = "$directory/$longest"; Id = 1001; ReplayedTransactions = 123456; RepairedBlocks = 1234567; ErrorCount = 12345; UsedE2fsck = $true }
            Whole = '123456', '1234567', '12345', 'True', '1001', 'pytorch'
        }
        @{
            Type  = 'OverlayTools.Overlays.OverlaySourceMeasure'
            Row   = @{ Path = "$directory/$longest"; FileCount = 123456789; DirectoryCount = 12345678; ContentBytes = 1023.9GB; SizeBytes = 1023.9GB; InodeCount = 135802467 }
            Whole = '123456789', '12345678', '1023.9 GiB', '135802467', 'pytorch'
        }
        @{
            Type  = 'OverlayTools.Overlays.OverlayItem'
            Row   = @{
                ImagePath = "$directory/$longest"; ItemPath = '/opt/conda/lib/python3.12/site-packages/numpy/core/include'; Mode = 1023; Owner = '1234567:1234567'
                Modified = $time; SizeBytes = 1023.9MB; ItemType = 'File'; Meaning = 'OpaqueDirectory'
            }
            Whole = '1777', '1234567', '2026-11-24 ', '1023.9 MiB', 'OpaqueDirectory', '/opt/conda/lib/python3.12/site-packages/numpy/core/include'
        }
        @{
            Type  = 'OverlayTools.Overlays.OverlayCheckpoint'
            Row   = @{ Path = 'x'; ImagePath = "$directory/$longest"; Name = 'before-the-upgrade-to-cuda-13-and-pytorch-3'; Id = 1001; Created = $time; SizeBytes = 1023.9GB; AllocatedBytes = 1023.9MB }
            Whole = '1001', '1023.9 GiB', '1023.9 MiB', '2026-11-24', 'before-the-upgrade-to-cuda-13-and-pytorch-3'
        }
        @{
            Type  = 'OverlayTools.Overlays.OverlayOptimization'
            Row   = @{ Path = "$directory/$longest"; Id = 1001; ReclaimedBytes = 1023.9GB; AllocatedBytes = 1023.8GB; RemovedWorkItems = 123456 }
            Whole = '1023.9 GiB', '1023.8 GiB', '123456', '1001', 'pytorch'
        }
        @{
            Type  = 'OverlayTools.Overlays.OverlayDifference'
            Row   = @{
                ImagePath = "$directory/$longest"; ItemPath = '/opt/conda/lib/python3.12/site-packages/numpy/core'; Change = 'TypeChanged'
                Parts = [OverlayTools.Overlays.OverlayDifferenceParts] 'Content, Mode, Owner, Time, Attributes'; ItemType = 'CharacterDevice'; BaseItemType = 'File'; SizeBytes = 1023.9MB; BaseSizeBytes = 1023.8MB
            }
            Whole = 'TypeChanged', 'CMOTA', 'CharacterDevice', '1023.8 MiB', '/opt/conda/lib/python3.12/site-packages/numpy/core'
        }
        @{
            Type  = 'OverlayTools.Containers.OverlayConversionResult'
            Row   = @{
                Path = "$directory/$longest"; Id = 1001; FileSystem = 'Squashfs'; SizeBytes = 1023.9GB; ContentBytes = 1023.8GB; FileCount = 12345678
                WhiteoutCount = 123456; OpaqueDirectoryCount = 12345
            }
            Whole = 'Squashfs', '1023.9 GiB', '1023.8 GiB', '12345678', '123456', '12345', '1001', 'pytorch'
        }
        @{
            Type  = 'OverlayTools.Containers.ContainerPlan'
            Row   = @{
                Identity = @{ Kind = 'SubordinateIds' }; Stack = @{ Driver = 'FuseOverlayfs' }; Layers = @(@{ Path = "$directory/$longest" }); Mounts = 1..23
                Command = 'python', '/home/ada/work/train.py', '--epochs', '100', '--checkpoint', 'last.pt'
            }
            Whole = 'SubordinateIds', 'FuseOverlayfs', '23', 'pytorch', 'python'
        }
        @{
            Type  = 'OverlayTools.Containers.Instances.ContainerInstance'
            Row   = @{
                Name = 'jupyter-lab-of-ada-on-node-0123'; State = 'Running'; ProcessId = 4194304; Started = $time; Path = "$directory/$longest"
                Overlay = @("$directory/overlay-15GB-500K.img", "$directory/$longest")
            }
            Whole = 'Running', '4194304', '2026-11-24 ', 'jupyter-lab-of-a', 'pytorch-2.4-c', 'overlay-15GB-'
        }
        @{
            Type  = 'OverlayTools.Containers.ContainerResult'
            Row   = @{
                ExitCode = 255; Duration = [timespan]'3.02:01:00'; TimedOut = $true; Engine = 'SingularityCE'
                Command = 'python', '/home/ada/work/train.py', '--epochs', '100'; Output = 'Epoch 1 of 100: loss 0.6931, accuracy 0.5, 1234 s'
            }
            Whole = '255 (timed out)', '266460.00 s', 'python'
        }
        @{
            Type  = 'OverlayTools.Containers.Engines.ContainerEngine'
            Row   = @{
                Engine = 'Apptainer'; Available = $false; Version = '1.4.5-1.el9'; Path = '/usr/bin/apptainer'; IsSetuid = $true
                Reason = 'the kernel lets no user make a user namespace (kernel.unprivileged_userns_clone is 0)'
            }
            Whole = 'Apptainer', 'not available', '1.4.5-1.el9', 'user namespace'
        }
        @{
            Type  = 'OverlayTools.Containers.Engines.EngineCapability'
            Row   = @{
                Engine = 'Native'; Name = 'SubordinateIdentities'; State = 2; Version = '4.17.4'; Detail = '/etc/subuid has no line for ada.lovelace'
                Remedy = 'sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ada.lovelace'
            }
            Whole = 'SubordinateIdentities', 'missing', '/etc/subuid has no line', 'sudo usermod --add-subuids 100000-165535'
        }
        @{
            Type  = 'OverlayTools.SifDescriptorInfo'
            Row   = @{
                Path = "$directory/$longest"; Id = 48; GroupId = 2; LinkedId = 1; LinkedToGroup = $true; Offset = 107374182400
                SizeBytes = 512.5GB; Type = 'FS (EncryptedSquashfs/*System/amd64)'; Name = 'squashfs-1234567890.img'; Fault = ''
            }
            Whole = '48', '1 (G)', '107374182400', '512.5 GiB', 'FS (EncryptedSquashfs/*System/amd64)'
        }
        @{
            Type  = 'OverlayTools.SifImageInfo'
            Row   = @{ Path = "$directory/$longest"; SizeBytes = 1023.9GB; Architecture = 2; FileSystem = 'EncryptedSquashfs'; ObjectCount = 1001; WastedBytes = 1023.8GB; IsSigned = $true; Users = 1..64 }
            Whole = '1023.9 GiB', 'amd64', 'EncryptedSquashfs', '1001', '1023.8 GiB', 'yes', '64', 'pytorch'
        }
        @{
            Type  = 'OverlayTools.SifOptimizationInfo'
            Row   = @{ Path = "$directory/$longest"; ReclaimedBytes = 1023.9GB; SizeBytes = 1023.8GB; AllocatedBytes = 1023.7GB; MovedObjects = 1001 }
            Whole = '1023.9 GiB', '1023.8 GiB', '1023.7 GiB', '1001', 'pytorch'
        }
        @{
            Type  = 'OverlayTools.Sif.SifRange'
            Row   = @{ Kind = 'DescriptorTable'; Offset = 1099511627776; SizeBytes = 1023.9GB; Id = 1001; DataBytes = 1023.8GB }
            Whole = '1099511627776', '1023.9 GiB', '1023.8 GiB', 'DescriptorTable', '1001'
        }
        @{
            Type  = 'OverlayTools.SifSignatureInfo'
            Row   = @{
                Path = "$directory/$longest"; Id = 1001; GroupId = 1000; CoveredId = 1..40; Format = 'OpenPgpLegacy'; IsValid = $false; Reason = 'DescriptorChanged'
                UserId = 'Ada Lovelace (release key of the whole group) <ada.lovelace@example.org>'
            }
            Whole = '1001', '1000', '40 objects', 'OpenPgpLegacy', 'no', 'DescriptorChanged', 'Ada Lovelace'
        }
    )
}

BeforeAll {
    Import-Module ($env:OVERLAYTOOLS_MANIFEST ?? (Join-Path $PSScriptRoot '../../OverlayTools.psd1'))
    $script:rendering, $PSStyle.OutputRendering = $PSStyle.OutputRendering, 'PlainText'
}

AfterAll {
    $PSStyle.OutputRendering = $rendering
}

Describe 'The table of <Type>' -ForEach $views {
    BeforeAll {
        $object = [pscustomobject]($Row + @{ PSTypeName = $Type })
        $script:text = $object | Format-Table | Out-String -Width 80
    }

    It 'is of properties that the type has' {
        $Row.Keys | Where-Object { $_ -notin ($Type -as [type]).GetProperties().Name } | Should -BeNullOrEmpty
    }

    It 'has every column at 80, and whole what one looks for' {
        $labels = (Get-FormatData -TypeName $Type).FormatViewDefinition.Control.Where({ $_.GetType().Name -eq 'TableControl' }).Headers.Label
        $header = ($text -split "`n" -match '\S').Where({ $_ -match "^\s*$($labels[0])\b" }, 'First')[0]
        foreach ($label in $labels) { $header | Should -MatchExactly "\b$label\b" }
        # What goes on in the next line is whole when the lines are read as one.
        $joined = $text -replace ' *\n +'
        foreach ($value in $Whole) { $text.Contains($value) -or $joined.Contains($value) | Should -BeTrue -Because "$value is in`n$text" }
        $text -split "`n" | ForEach-Object { $_.Length | Should -BeLessOrEqual 80 }
    }
}

Describe 'The views' {
    BeforeAll {
        $script:folder = Join-Path ([IO.Path]::GetTempPath()) "overlaytools-views-$PID"
        $null = New-Item $folder/root/bin, $folder/root/etc -ItemType Directory -Force
        Set-Content $folder/root/etc/motd motd
        Set-Location $folder
        $null = New-SifImage image.sif root -FileSystem Ext3
        $null = New-OverlayImage overlay.img -Source root
        $null = New-OverlayImage image.sif -FakeRoot
        $script:real = @(
            Get-OverlayImage overlay.img, image.sif
            Checkpoint-OverlayImage overlay.img before
            Get-OverlayItem overlay.img -Recurse
            Repair-OverlayImage overlay.img -PassThru
            Optimize-OverlayImage overlay.img
            Measure-OverlaySource root
            Compare-OverlayImage overlay.img root
            Compare-OverlayImage overlay.img root -Summary
            Get-SifImage image.sif
            (Get-SifImage image.sif).Layout
            Get-SifDescriptor image.sif
            Optimize-SifImage image.sif
            Get-ContainerEngine
            Get-ContainerEngine Native -Detailed
            Show-SifLayout image.sif
            Show-OverlayUsage overlay.img
        )
    }

    AfterAll {
        Set-Location /
        Remove-Item $folder -Recurse -Force
    }

    It 'are all looked at' -ForEach @{ known = $views.Type } {
        $tables = (Get-FormatData -TypeName OverlayTools.*).Where({ $_.FormatViewDefinition.Control.ForEach({ $_.GetType().Name }) -contains 'TableControl' })
        $tables.TypeNames | Sort-Object | Should -Be ($known | Sort-Object)
    }

    It 'of real objects have no colours when the output is plain text, and no lines beyond the terminal' {
        $real.Count | Should -BeGreaterThan 25
        foreach ($text in ($real | Out-String -Width 80), ($real | Format-List | Out-String -Width 80)) {
            $text.Contains([char]27) | Should -BeFalse
            $text -split "`n" | ForEach-Object { $_.Length | Should -BeLessOrEqual 80 }
        }
    }

    It 'of real objects show sizes for people, and nothing as the name of a type' {
        foreach ($group in $real | Group-Object { $_.GetType().Name } | Where-Object Name -NotLike '*Map') {
            $table = $group.Group | Out-String -Width 80
            $table | Should -Not -Match 'OverlayTools\.\w+|System\.\w+'
            # What is called a size has a unit, in each row.
            if ($table -match '(?m)^.*\bSize\b') { $table | Should -Match '\d (B|[KMGT]iB)\b' -Because $table }
        }
        $list = Get-OverlayImage overlay.img | Format-List | Out-String -Width 80
        foreach ($name in 'SizeBytes', 'UsedBytes', 'FreeBytes', 'AllocatedBytes') { $list | Should -Match "(?m)^$name +: \d+ \(\d+(\.\d)? [KMGT]?i?B" }
    }
}
