BeforeDiscovery {
    # The package that build.ps1 -Task Package made; the source tree has other files too.
    $script:packaged = $env:OVERLAYTOOLS_MANIFEST -match '[/\\]out[/\\]OverlayTools[/\\]'
}

Describe 'The package' -Skip:(-not $packaged) {
    BeforeAll {
        $manifest = $env:OVERLAYTOOLS_MANIFEST
        $root = Split-Path $manifest
        $data = Import-PowerShellDataFile $manifest
    }

    It 'has a sound manifest, of its version' {
        (Test-ModuleManifest $manifest).Version | Should -Be (Split-Path $root -Leaf)
    }

    It 'exports exactly its cmdlets' {
        $found = & (Get-Process -Id $PID).Path -NoProfile -NonInteractive -Command "Import-Module '$manifest'; (Get-Command -Module OverlayTools).Name -join ' '"
        $found | Should -Be (($data.CmdletsToExport | Sort-Object) -join ' ')
    }

    It 'has no file that nobody needs' {
        $allowed = '^(OverlayTools\.psd1|LICENSE|README\.md|docs/errors\.md|en-US/(OverlayTools\.dll-Help\.xml|about_OverlayTools\w*\.help\.txt)' +
            '|bin/(OverlayTools(\.\w+)?\.dll|\w+\.Format\.ps1xml|overlaytools-init|(x64|arm64)/OverlayTools\.Core\.dll|deps/[\w.]+\.(dll|md)))$'
        Get-ChildItem $root -Recurse -File | ForEach-Object { [IO.Path]::GetRelativePath($root, $_.FullName) } |
            Where-Object { $_ -cnotmatch $allowed } | Should -BeNullOrEmpty
    }

    It 'has no assembly of PowerShell' {
        Get-ChildItem $root -Recurse -Filter 'System.Management.Automation*' | Should -BeNullOrEmpty
    }

    It 'is in a .nupkg with the same files, and what it exports as tags' {
        Add-Type -AssemblyName System.IO.Compression.FileSystem
        $file = Get-Item (Join-Path $root '../..' "OverlayTools.$($data.ModuleVersion).nupkg")
        $zip = [IO.Compression.ZipFile]::OpenRead($file.FullName)
        try {
            $names = $zip.Entries.FullName | Where-Object { $_ -notmatch '^(_rels/|package/|\[Content_Types\]|OverlayTools\.nuspec$)' } | Sort-Object
            $reader = [IO.StreamReader]::new($zip.GetEntry('OverlayTools.nuspec').Open())
            $tags = ([xml]$reader.ReadToEnd()).package.metadata.tags -split ' '
        }
        finally { $zip.Dispose() }
        $names | Should -Be (Get-ChildItem $root -Recurse -File | ForEach-Object { [IO.Path]::GetRelativePath($root, $_.FullName) } | Sort-Object)
        foreach ($cmdlet in $data.CmdletsToExport) { $tags | Should -Contain "PSCmdlet_$cmdlet" }
    }

    It 'has help for each cmdlet' {
        $help = [xml](Get-Content (Join-Path $root en-US OverlayTools.dll-Help.xml) -Raw)
        ($help.helpItems.command.details.name | Sort-Object) | Should -Be ($data.CmdletsToExport | Sort-Object)
    }

    It 'runs containers after an installation that kept no permissions' -Skip:(-not (Get-Command busybox -CommandType Application -ErrorAction Ignore)) {
        $copy = New-Item (Join-Path $TestDrive OverlayTools) -ItemType Directory
        Get-ChildItem $root | Copy-Item -Destination $copy -Recurse
        & chmod 644 (Join-Path $copy bin overlaytools-init)
        $made = Join-Path $TestDrive root
        $null = New-Item -ItemType Directory "$made/bin"
        Copy-Item (Get-Command busybox -CommandType Application).Source "$made/bin/busybox"
        $line = & (Get-Process -Id $PID).Path -NoProfile -NonInteractive -Command {
            param($manifest, $image)
            Import-Module $manifest
            Invoke-ContainerWithOverlay $image -- /bin/busybox echo ran
        } -args (Join-Path $copy OverlayTools.psd1), $made
        $line | Select-Object -Last 1 | Should -Be 'ran'
    }

    It 'has a native program that needs no C library of the machine' {
        $program = [IO.File]::ReadAllBytes((Join-Path $root bin overlaytools-init))
        # ELF: e_phoff at 32, e_phentsize at 54, e_phnum at 56; a program header of type 3 names a dynamic linker.
        $at = [BitConverter]::ToInt64($program, 32)
        $types = for ($i = 0; $i -lt [BitConverter]::ToUInt16($program, 56); $i++) {
            [BitConverter]::ToUInt32($program, $at + $i * [BitConverter]::ToUInt16($program, 54))
        }
        $types | Should -Contain 1
        $types | Should -Not -Contain 3
    }
}
