# A container with a persistent overlay, from nothing: no image to download, no mkfs, dd, resize2fs or siftool.
# It uses the language, .NET and OverlayTools' own cmdlets only, so that it also runs in the embedded host.
param([string] $Folder = [IO.Path]::Combine([IO.Path]::GetTempPath(), "overlaytools-quickstart-$PID"))

$ErrorActionPreference = 'Stop'
Set-StrictMode -Version Latest

function Step([string] $text) { ''; "== $text" }

# Runs a command line, and shows it as one would type it.
function Show([string] $line) { "PS> $line"; & ([scriptblock]::Create($line)) | Out-Default }

# A root file system from busybox, or from this machine's own programs and the libraries they need.
function New-RootFileSystem([string] $root) {
    foreach ($directory in 'bin', 'dev', 'etc', 'home', 'proc', 'root', 'sys', 'tmp', 'var/tmp') {
        [void][IO.Directory]::CreateDirectory("$root/$directory")
    }
    [IO.File]::WriteAllText("$root/etc/passwd", "root:x:0:0:root:/root:/bin/sh`n")
    [IO.File]::WriteAllText("$root/etc/group", "root:x:0:`n")

    $busybox = '/usr/bin/busybox', '/bin/busybox' | Where-Object { Test-Static $_ }
    if ($busybox) {
        [IO.File]::Copy(@($busybox)[0], "$root/bin/busybox")
        foreach ($name in 'sh', 'ls', 'cat', 'touch') { [void][IO.File]::CreateSymbolicLink("$root/bin/$name", 'busybox') }
        return 'busybox'
    }

    foreach ($name in 'sh', 'ls', 'cat', 'touch') {
        $program = '/usr/bin', '/bin' | ForEach-Object { "$_/$name" } | Where-Object { [IO.File]::Exists($_) }
        [IO.File]::Copy(@($program)[0], "$root/bin/$name")
        foreach ($library in ldd "$root/bin/$name") {
            if ($library -notmatch '(/\S+) \(0x') { continue }
            $target = $root + $Matches[1]
            [void][IO.Directory]::CreateDirectory([IO.Path]::GetDirectoryName($target))
            if (-not [IO.File]::Exists($target)) { [IO.File]::Copy($Matches[1], $target) }
        }
    }
    "this machine's own sh, ls, cat and touch"
}

# A program without an interpreter of its own runs without libraries.
function Test-Static([string] $path) {
    [IO.File]::Exists($path) -and "$(ldd $path 2>&1)" -match 'not a dynamic executable|statically linked'
}

try {
    [void][IO.Directory]::CreateDirectory($Folder)
    [Environment]::CurrentDirectory = $Folder
    $ExecutionContext.SessionState.Path.PushCurrentLocation('quickstart')
    [void]$ExecutionContext.SessionState.Path.SetLocation($Folder)

    Step "A container image, made of $(New-RootFileSystem "$Folder/rootfs")"
    Show 'New-SifImage box.sif ./rootfs'

    Step 'An overlay: an ext3 image that keeps every change'
    Show 'New-OverlayImage changes.img -SizeBytes 64MB -CreateDirectory /srv/data'

    Step 'Change the container'
    Show "Invoke-ContainerWithOverlay box.sif -Overlay changes.img -- sh -c 'echo kept > /srv/data/note; ls -l /srv/data'"

    Step 'The change is there in the next run, also read-only'
    Show 'Invoke-ContainerWithOverlay box.sif -Overlay changes.img:ro -- cat /srv/data/note'

    Step 'Without the overlay, the container is as it was'
    Show "Invoke-ContainerWithOverlay box.sif -- sh -c 'ls /srv/data/note 2>/dev/null || echo no note here'"

    Step 'Put the overlay into the image: one file to hand on'
    $arch = [int][OverlayTools.Sif.SifArchitectures]::Host
    Show "Add-SifPartition box.sif changes.img -DataType 4 -PartFs 2 -PartType 4 -PartArch $arch -GroupId 1"
    Show 'Get-SifDescriptor box.sif'
    Show 'Invoke-ContainerWithOverlay box.sif -- cat /srv/data/note'

    Step 'Out of space? Grow the overlay in place'
    Show 'Resize-OverlayImage changes.img -SizeBytes 256MB -PassThru'
    ''
    "All of it is in $Folder"
}
catch {
    ''
    "It stopped: $_"
    if ($_.ErrorDetails) { $_.ErrorDetails.RecommendedAction }
    exit 1
}
finally {
    [void]$ExecutionContext.SessionState.Path.PopLocation('quickstart')
}
