# Pipelines that people type, and pipelines that end before their input does.
BeforeDiscovery {
    $script:streams = @(
        @{ Command = { Get-OverlayImage *.img } }
        @{ Command = { Get-OverlayItem tree.img -Recurse } }
        @{ Command = { Get-SifDescriptor *.sif } }
        @{ Command = { Get-SifImage *.sif } }
        @{ Command = { Export-SifObject a.sif 1 -AsByteStream } }
        @{ Command = { Test-OverlayImage *.img } }
        @{ Command = { Test-SifImage *.sif } }
        @{ Command = { Get-ChildItem *.img | Resize-OverlayImage -GrowBy 1MB -PassThru } }
        @{ Command = { Get-ChildItem *.img | Checkpoint-OverlayImage } }
        @{ Command = { 'n1.img', 'n2.img' | New-OverlayImage -Force } }
        @{ Command = { Show-SifLayout *.sif } }
        @{ Command = { Show-OverlayUsage *.img } }
        @{ Command = { Measure-OverlaySource root, root } }
        @{ Command = { Optimize-OverlayImage *.img } }
    )
    $script:missing = @('busybox' | Where-Object { -not (Get-Command $_ -CommandType Application -ErrorAction Ignore) })
}

BeforeAll {
    Import-Module ($env:OVERLAYTOOLS_MANIFEST ?? (Join-Path $PSScriptRoot '../../OverlayTools.psd1'))
}

Describe 'A pipeline' {
    BeforeAll {
        $script:folder = Join-Path ([IO.Path]::GetTempPath()) "overlaytools-pipelines-$PID"
        $null = New-Item $folder/root/bin, $folder/root/etc, $folder/names -ItemType Directory -Force
        Push-Location $folder
        Set-Content root/etc/motd motd
        if (Get-Command busybox -CommandType Application -ErrorAction Ignore) {
            Copy-Item (Get-Command busybox).Source root/bin/busybox
            'sh', 'tr', 'yes' | ForEach-Object { ln -s busybox "root/bin/$_" }
        }
        'a', 'b' | ForEach-Object { $null = New-SifImage "$_.sif" root -FileSystem Ext3; $null = New-OverlayImage "$_.sif" }
        'low', 'full' | ForEach-Object { $null = New-OverlayImage "$_.img" }
        $null = New-OverlayImage tree.img -Source root
        [IO.File]::WriteAllBytes("$folder/large", [byte[]]::new(52MB))
        Copy-OverlayItem large -Image full.img -ItemDestination /
    }

    AfterAll {
        # Where one was before may be gone: a file of tests before this one may have left its own folder.
        Set-Location /
        Remove-Item $folder -Recurse -Force
    }

    It 'takes overlays out of images' {
        Get-ChildItem *.sif | Get-SifDescriptor -PartitionType Overlay | Export-SifObject -Destination ./out
        @(Get-ChildItem out).Count | Should -Be 2
        @(Get-ChildItem out | Get-OverlayImage).State | Should -Be Clean, Clean
    }

    It 'finds the images that are nearly full, and would grow them' {
        (Get-OverlayImage full.img).UsedPercent | Should -BeGreaterThan 90
        $before = (Get-FileHash *.img).Hash
        Get-OverlayImage *.img | Where-Object UsedPercent -GT 90 | Resize-OverlayImage -GrowBy 1GB -WhatIf
        (Get-FileHash *.img).Hash | Should -Be $before
        $grown = Get-OverlayImage *.img | Where-Object UsedPercent -GT 90 | Resize-OverlayImage -GrowBy 64MB -PassThru
        @($grown).Count | Should -Be 1
        Split-Path $grown.Path -Leaf | Should -Be full.img
    }

    It 'means the image of an object, not what its name would match as a pattern' {
        $null = New-OverlayImage "$folder/names/x[1].img", "$folder/names/x*.img", "$folder/names/x1.img", "$folder/names/x2.img" -ErrorAction Stop
        foreach ($name in 'x[1].img', 'x*.img') {
            Get-OverlayImage -LiteralPath "names/$name" | Resize-OverlayImage -GrowBy 1MB
            Get-OverlayImage -LiteralPath "names/$name" | Copy-OverlayImage -Destination "names/of $name"
            (Get-OverlayImage -LiteralPath "names/$name").SizeBytes | Should -Be 65MB
            (Get-OverlayImage -LiteralPath "names/of $name").SizeBytes | Should -Be 65MB
        }
        (Get-OverlayImage -LiteralPath names/x1.img, names/x2.img).SizeBytes | Should -Be 64MB, 64MB
        # What is typed is a pattern still.
        (Get-OverlayImage 'names/x[1].img').Path | Should -Be "$folder/names/x1.img"
    }

    It 'feeds a command in a container' -Skip:($missing.Count -gt 0) {
        'a', 'b' | Invoke-ContainerWithOverlay a.sif -- tr a-z A-Z | Should -Be A, B
    }

    It 'ends a command that would go on for ever' -Skip:($missing.Count -gt 0) {
        Invoke-ContainerWithOverlay a.sif -Overlay low.img -- yes | Select-Object -First 2 | Should -Be y, y
        # Nobody holds it any more.
        Resize-OverlayImage low.img -GrowBy 1MB -ErrorAction Stop
        Test-OverlayImage low.img | Should -BeTrue
    }

    It 'stops in the middle and leaves nothing locked: <Command>' -ForEach $streams {
        $first = @(& $Command 3>$null 6>$null | Select-Object -First 1)
        $first.Count | Should -Be 1
        # Each can be written at once, and is sound.
        foreach ($image in 'low.img', 'full.img', 'tree.img') {
            Set-OverlayImage $image -Label after -ErrorAction Stop
            Test-OverlayImage $image | Should -BeTrue
        }
        Test-SifImage a.sif | Should -BeTrue
    }
}
