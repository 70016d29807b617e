BeforeAll {
    Import-Module ($env:OVERLAYTOOLS_MANIFEST ?? (Join-Path $PSScriptRoot '../../OverlayTools.psd1'))
    $env:PATH += ':/usr/sbin:/sbin'

    function Need([string[]] $Program) {
        $missing = $Program | Where-Object { -not (Get-Command $_ -CommandType Application -ErrorAction Ignore) }
        if ($missing) { Set-ItResult -Skipped -Because "it needs $($missing -join ', ')" }
    }
}

Describe 'Overlays with content' {
    BeforeAll {
        $source = Join-Path $TestDrive source
        $null = New-Item (Join-Path $source etc) -ItemType Directory
        Set-Content (Join-Path $source etc motd) 'welcome'
        $null = New-Item (Join-Path $source link) -ItemType SymbolicLink -Value etc/motd
    }

    Context 'Measure-OverlaySource' {
        It 'counts what is in a directory' {
            $measure = Measure-OverlaySource $source
            $measure.FileCount | Should -Be 2
            $measure.DirectoryCount | Should -Be 1
            $measure.ContentBytes | Should -Be 8
            $measure.SizeBytes | Should -Be 64MB
            $measure.LargestFile | Should -BeExactly 'etc/motd'
        }

        It 'takes paths from the pipeline, and wildcards' {
            @(Get-Item $source | Measure-OverlaySource).Count | Should -Be 1
            @(Measure-OverlaySource (Join-Path $TestDrive sour*)).Count | Should -Be 1
        }

        It 'says that a source does not exist' {
            Measure-OverlaySource (Join-Path $TestDrive none) -ErrorVariable failure -ErrorAction SilentlyContinue
            $failure[0].FullyQualifiedErrorId | Should -BeLike 'OverlayFileNotFound,*'
        }
    }

    Context 'New-OverlayImage -Source' {
        It 'puts the content of <Kind> below upper' -ForEach @(@{ Kind = 'a directory' }, @{ Kind = 'an archive' }) {
            Need debugfs, e2fsck, tar
            $from = $source
            if ($Kind -eq 'an archive') {
                $from = Join-Path $TestDrive source.tar.gz
                tar -C $source -czf $from .
            }
            $image = Join-Path $TestDrive "$([guid]::NewGuid()).img"
            (New-OverlayImage $image -Source $from).SizeBytes | Should -Be 64MB
            debugfs -R 'cat /upper/etc/motd' $image 2>$null | Should -BeExactly 'welcome'
            debugfs -R 'stat /upper/link' $image 2>$null | Out-String | Should -Match 'Type: symlink'
            $report = e2fsck -fn $image 2>&1 | Out-String
            $LASTEXITCODE | Should -Be 0 -Because $report
        }
    }
}
