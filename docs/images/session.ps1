# The picture of a session: runs the commands of session.txt in pwsh on a terminal, and draws what was there. Dot-sourced, it has the
# functions only; `build.ps1 -Task Picture` records.

# What pwsh shows of the commands, escape sequences and all; the image box.sif is there before.
function Get-Session([string] $Manifest, [string] $Folder, [string[]] $Become = @()) {
    $play = Join-Path $Folder play.ps1
    Set-Content $play @'
param($manifest, $folder, $lines)
Import-Module $manifest
Set-Location $folder
foreach ($name in 'bin', 'dev', 'etc', 'proc', 'srv', 'sys', 'tmp') { $null = New-Item "rootfs/$name" -ItemType Directory -Force }
Copy-Item (Get-Command busybox -CommandType Application)[0].Source rootfs/bin/busybox
foreach ($name in 'ls', 'touch') { $null = New-Item "rootfs/bin/$name" -ItemType SymbolicLink -Target busybox -Force }
$null = New-SifImage box.sif rootfs
$PSStyle.OutputRendering = 'Ansi'
$ProgressPreference = 'Ignore'
[Console]::Out.WriteLine('----8<----')
foreach ($line in Get-Content $lines) {
    [Console]::Out.WriteLine("PS> $line")
    & ([scriptblock]::Create($line)) | Out-Default
}
'@
    # A terminal of 80 columns, which a redirected pwsh would not have.
    $command = "stty cols 80 rows 50; exec pwsh -NoLogo -NoProfile -NonInteractive -File '$play' '$Manifest' '$Folder' '$(Join-Path $PSScriptRoot session.txt)'"
    $out = & env 'TERM=xterm-256color' @Become script -qec $command /dev/null
    if ($LASTEXITCODE) { throw "The session failed: $($out -join "`n")" }
    $text = ($out -join "`n").Replace("`r", '')
    $text = $text.Substring($text.IndexOf('----8<----') + 11)
    # What moves the cursor, or asks the terminal something, draws nothing.
    ($text -creplace '\x1b\[[?>=]?[\d;]*[A-Za-ln-z]' -creplace '\x1b[=>]').TrimEnd() + "`n"
}

# The recording as SVG: one line of text after the other, in the colours of the escape sequences.
function ConvertTo-SessionSvg([string] $Text) {
    $columnWidth, $lineHeight, $margin = 8.4, 19, 16
    $lines = $Text.TrimEnd("`n") -split "`n"
    $body = for ($i = 0; $i -lt $lines.Count; $i++) {
        $y = $margin + 14 + $i * $lineHeight
        $column, $class = 0, ''
        $spans = foreach ($part in [regex]::Matches($lines[$i], '\x1b\[(?<code>[\d;]*)m|(?<text>[^\x1b]+)')) {
            if (-not $part.Groups['text'].Success) {
                $class = Get-SessionColor $part.Groups['code'].Value $class
                continue
            }
            $words = $part.Groups['text'].Value
            # Each piece at its own column: a font that is a little wider does not shift the rest.
            foreach ($piece in [regex]::Matches($words, '\S+(?: \S+)*')) {
                $x = $margin + ($column + $piece.Index) * $columnWidth
                $style = $words.StartsWith('PS> ') -and $column -eq 0 ? 'font-weight:600' : $class
                '<tspan x="{0}"{1}>{2}</tspan>' -f $x.ToString('0.#', [cultureinfo]::InvariantCulture), ($style ? " style=`"$style`"" : ''),
                    [Security.SecurityElement]::Escape($piece.Value)
            }
            $column += $words.Length
        }
        if ($spans) { '<text y="{0}">{1}</text>' -f $y, (-join $spans) }
    }
    $width, $height = [int](80 * $columnWidth + 2 * $margin), ($lines.Count * $lineHeight + 2 * $margin)
    @"
<svg xmlns="http://www.w3.org/2000/svg" width="$width" height="$height" viewBox="0 0 $width $height" role="img">
<title>A session in PowerShell</title>
<desc>An overlay is made, a container writes to it, one looks at it, and it grows.</desc>
<style>text { font-family: ui-monospace, "Cascadia Mono", "DejaVu Sans Mono", Menlo, monospace; font-size: 14px; fill: #d7dde3; white-space: pre }</style>
<rect width="$width" height="$height" rx="8" fill="#1b1f24"/>
$($body -join "`n")
</svg>

"@
}

# The style that an SGR sequence leaves.
function Get-SessionColor([string] $Code, [string] $Before) {
    $names = '#6e7681', '#ff7b72', '#3fb950', '#d29922', '#58a6ff', '#bc8cff', '#39c5cf', '#d7dde3'
    $style = $Before
    $numbers = [int[]]@($Code -split ';' | ForEach-Object { $_ ? $_ : 0 })
    for ($i = 0; $i -lt $numbers.Count; $i++) {
        $style = switch ($numbers[$i]) {
            0 { '' }
            { $_ -in 30..37 } { "fill:$($names[$_ - 30])" }
            { $_ -in 90..97 } { "fill:$($names[$_ - 90])" }
            39 { '' }
            default { $style }
        }
    }
    $style
}
