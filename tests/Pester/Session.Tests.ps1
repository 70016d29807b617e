# The picture of a session in README: it is of the recording, and the commands still say what they said when it was made.
BeforeDiscovery {
    $needed = 'busybox', 'script', 'stty'
    if ((id -u) -ne 0) { $needed += 'squashfuse', 'fuse2fs', 'fuse-overlayfs' }
    $script:missing = @($needed | Where-Object { -not (Get-Command $_ -CommandType Application -ErrorAction Ignore) })
    if ($missing) { Write-Warning "The session of README is not run again: it needs $($missing -join ', ')." }
}

BeforeAll {
    $script:root = (Resolve-Path (Join-Path $PSScriptRoot '../..')).Path
    . (Join-Path $root docs images session.ps1)
    $script:recording = [IO.File]::ReadAllText((Join-Path $root docs images session.ansi))
}

Describe 'The picture of a session' {
    It 'is drawn from the recording' {
        ConvertTo-SessionSvg $recording | Should -BeExactly ([IO.File]::ReadAllText((Join-Path $root docs images session.svg)))
        ([xml](ConvertTo-SessionSvg $recording)).svg.title | Should -Be 'A session in PowerShell'
    }

    It 'is of the commands that it names, and README shows it' {
        $typed = @($recording -split "`n" -match '^PS> ' -replace '^PS> ')
        $typed | Should -Be (Get-Content (Join-Path $root docs images session.txt))
        # What an overlay is for: made, used, looked at, grown. Each line fits the terminal.
        $typed -replace ' .*' | Should -Be New-OverlayImage, Invoke-ContainerWithOverlay, Invoke-ContainerWithOverlay, Get-OverlayItem, Get-OverlayImage, Resize-OverlayImage
        $recording -replace '\x1b\[[\d;]*m' -split "`n" | ForEach-Object { $_.Length | Should -BeLessOrEqual 80 }
        Get-Content (Join-Path $root README.md) -Raw | Should -Match '\(docs/images/session\.svg\)'
    }

    It 'shows what the commands still say' -Skip:($missing.Count -gt 0) {
        # Numbers, and how wide they make a column, are of the day, the disk and the user.
        function Get-Kind([string] $Text, [string] $Folder) {
            ($Text.Replace($Folder, '/tmp/demo') -creplace '\x1b\[[\d;]*m' -creplace 'Plain, FakeRoot(, Root)?|Root' -creplace '-{2,}', '-' -creplace '\d+(\.\d+)?', '0' `
                -creplace ' +', ' ' -split "`n").Trim() -join "`n"
        }
        $folder = Join-Path ([IO.Path]::GetTempPath()) "overlaytools-session-$PID"
        $null = New-Item $folder -ItemType Directory
        try {
            $manifest = (Resolve-Path ($env:OVERLAYTOOLS_MANIFEST ?? (Join-Path $root OverlayTools.psd1))).Path
            Get-Kind (Get-Session $manifest $folder) $folder | Should -BeExactly (Get-Kind $recording '/tmp/demo')
        }
        finally {
            Remove-Item $folder -Recurse -Force
        }
    }
}
