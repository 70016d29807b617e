BeforeAll {
    Import-Module ($env:OVERLAYTOOLS_MANIFEST ?? (Join-Path $PSScriptRoot '../../OverlayTools.psd1'))
    $image = Join-Path $TestDrive a.img
    $sif = Join-Path $TestDrive c.sif
    $null = New-Item -ItemType Directory "$TestDrive/root/bin"
    $null = New-OverlayImage $image 64MB
    $null = New-SifImage $sif "$TestDrive/root"
    $null = Add-SifPartition $sif $image
}

Describe 'Show-OverlayUsage' {
    It 'is drawn by itself, with a legend in words' {
        $text = Show-OverlayUsage $image | Out-String
        $text | Should -Match 'metadata'
        $text | Should -Match 'journal'
        $text | Should -Match '▓'
    }
    It 'draws without colour where none is wanted' {
        $before = $PSStyle.OutputRendering
        try {
            $PSStyle.OutputRendering = 'PlainText'
            (Show-OverlayUsage $image | Out-String).Contains([char]27) | Should -BeFalse
        }
        finally { $PSStyle.OutputRendering = $before }
    }
    It 'makes an SVG document' {
        ([xml](Show-OverlayUsage $image -AsSvg)).svg.title | Should -Be $image
    }
    It 'takes images from the pipeline' {
        (Get-OverlayImage $image | Show-OverlayUsage).Usage.SizeBytes | Should -Be 64MB
    }
}

Describe 'Show-SifLayout' {
    It 'lists what lies where' {
        Show-SifLayout $sif | Out-String | Should -Match '2 FS \(Ext3/Overlay'
    }
    It 'makes an SVG document' {
        ([xml](Show-SifLayout $sif -AsSvg)).svg.title | Should -Be $sif
    }
}

Describe 'Sizes' {
    It 'are taken with units' {
        (New-OverlayImage "$TestDrive/s.img" '80MiB').SizeBytes | Should -Be 80MB
        (Resize-OverlayImage "$TestDrive/s.img" '96M' -PassThru).SizeBytes | Should -Be 96MB
        (Resize-OverlayImage "$TestDrive/s.img" -GrowBy '32m' -PassThru).SizeBytes | Should -Be 128MB
    }
}
