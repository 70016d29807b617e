BeforeDiscovery {
    $script:openssl = [bool](Get-Command openssl -CommandType Application -ErrorAction Ignore)
    $script:apptainer = [bool](Get-Command ($env:OVERLAYTOOLS_APPTAINER ? $env:OVERLAYTOOLS_APPTAINER : 'apptainer') -CommandType Application -ErrorAction Ignore)
}

BeforeAll {
    Import-Module ($env:OVERLAYTOOLS_MANIFEST ?? (Join-Path $PSScriptRoot '../../OverlayTools.psd1'))
    if ($env:OVERLAYTOOLS_APPTAINER) { Set-Alias apptainer $env:OVERLAYTOOLS_APPTAINER }
}

Describe 'Signatures of SIF images' -Skip:(-not $openssl) {
    BeforeAll {
        $key = Join-Path $TestDrive key.pem
        $public = Join-Path $TestDrive key.pub
        $other = Join-Path $TestDrive other.pub
        openssl genpkey -algorithm ed25519 -out $key
        openssl pkey -in $key -pubout -out $public
        openssl genpkey -algorithm ed25519 | openssl pkey -pubout -out $other
        $root = Join-Path $TestDrive root.squashfs
        [IO.File]::WriteAllBytes($root, [byte[]]('hsqs'.ToCharArray() + [byte[]]::new(8188)))
    }

    BeforeEach {
        $image = Join-Path $TestDrive "$([guid]::NewGuid()).sif"
        [OverlayTools.Sif.SifWriter]::Create($image, [OverlayTools.Sif.SifCreateOptions]::new(), [OverlayTools.Sif.SifNewObject[]]@(), $false, $null, [Threading.CancellationToken]::None)
        Add-SifPartition $image $root -PartitionType PrimarySystem -Architecture amd64
    }

    It 'signs, and verifies with the public key' {
        Add-SifSignature $image $key
        $found = Get-SifSignature $image -KeyPath $public
        $found.IsValid | Should -BeTrue
        $found.CoveredId | Should -Be 1
        $found.KeyPath | Should -Be $public
        Test-SifImage $image -KeyPath $public -RequireSignature | Should -BeTrue
    }

    It 'says why a signature is not valid' {
        Add-SifSignature $image $key
        (Get-SifSignature $image -KeyPath $other).Reason | Should -Be KeyNotFound
        $bytes = [IO.File]::ReadAllBytes($image)
        $bytes[32768 + 5000] = 1
        [IO.File]::WriteAllBytes($image, $bytes)
        (Get-SifSignature $image -KeyPath $public).Reason | Should -Be ObjectChanged
        Test-SifImage $image -KeyPath $public -WarningVariable why -WarningAction SilentlyContinue | Should -BeFalse
        "$why" | Should -Match 'SignatureInvalid \(ObjectChanged\), object 2'
    }

    It 'finds an unsigned image sound, unless a signature is demanded' {
        Test-SifImage $image | Should -BeTrue
        Test-SifImage $image -RequireSignature -WarningAction SilentlyContinue | Should -BeFalse
    }

    It 'shows a table' {
        Add-SifSignature $image $key
        Get-SifSignature $image -KeyPath $public | Out-String -Width 200 |
            Should -Match 'Id\s+Group\s+Covers\s+Format\s+Valid\s+Reason\s+Signer[\s\S]*Dsse\s+yes\s+SHA256:'
    }

    It 'takes files from the pipeline' {
        Get-Item $image | Add-SifSignature -KeyPath $key
        (Get-Item $image | Get-SifSignature -KeyPath $public).IsValid | Should -BeTrue
        Get-Item $image | Test-SifImage -KeyPath $public | Should -BeTrue
    }

    It 'changes nothing with -WhatIf' {
        $before = (Get-FileHash $image).Hash
        Add-SifSignature $image $key -WhatIf
        (Get-FileHash $image).Hash | Should -Be $before
    }

    It 'refuses a file without a private key' {
        { Add-SifSignature $image $public } | Should -Throw -ErrorId 'KeyInvalid,*'
    }

    It 'opens an encrypted key with its passphrase' {
        $encrypted = Join-Path $TestDrive encrypted.pem
        openssl pkcs8 -topk8 -in $key -passout 'pass:grün & blau' -out $encrypted
        { Add-SifSignature $image $encrypted } | Should -Throw -ErrorId 'KeyPassphraseRequired,*'
        { Add-SifSignature $image $encrypted -Passphrase (ConvertTo-SecureString grau -AsPlainText) } |
            Should -Throw -ErrorId 'KeyPassphraseWrong,*'
        Add-SifSignature $image $encrypted -Passphrase (ConvertTo-SecureString 'grün & blau' -AsPlainText)
        Test-SifImage $image -KeyPath $public -RequireSignature | Should -BeTrue
    }

    It 'verifies with a certificate, if its root is trusted' {
        $certificate = Join-Path $TestDrive leaf.crt
        openssl req -x509 -new -key $key -subj '/CN=Ana' -days 2 -addext 'extendedKeyUsage=codeSigning' -out $certificate
        Add-SifSignature $image $key
        { Test-SifImage $image -CertificatePath $certificate } | Should -Throw -ErrorId 'CertificateNotTrusted,*'
        Test-SifImage $image -CertificatePath $certificate -CertificateRootsPath $certificate -RequireSignature | Should -BeTrue
        (Get-SifSignature $image -CertificatePath $certificate -CertificateRootsPath $certificate).UserId | Should -Be 'CN=Ana'
        if (Get-Command apptainer -CommandType Application -ErrorAction Ignore) {
            apptainer verify --certificate $certificate --certificate-roots $certificate $image 2>&1 | Out-Null
            $LASTEXITCODE | Should -Be 0
        }
    }

    It 'finds an image of which a part is signed not sound, as Apptainer' {
        Add-SifSignature $image $key
        Add-SifPartition $image $root -PartitionType Data -GroupId 2
        Test-SifImage $image -KeyPath $public -WarningVariable why -WarningAction SilentlyContinue | Should -BeFalse
        "$why" | Should -Match 'GroupNotSigned'
        if (Get-Command apptainer -CommandType Application -ErrorAction Ignore) {
            apptainer verify --key $public $image 2>&1 | Out-Null
            $LASTEXITCODE | Should -Not -Be 0
        }
    }

    It 'makes what Apptainer verifies' -Skip:(-not $apptainer) {
        Add-SifSignature $image $key
        apptainer verify --key $public $image 2>&1 | Out-Null
        $LASTEXITCODE | Should -Be 0
        apptainer verify --key $other $image 2>&1 | Out-Null
        $LASTEXITCODE | Should -Not -Be 0
    }

    It 'verifies what Apptainer makes' -Skip:(-not $apptainer) {
        apptainer sign --key $key $image 2>&1 | Out-Null
        (Get-SifSignature $image -KeyPath $public).IsValid | Should -BeTrue
    }

    It 'keeps its cryptography apart from the session' {
        $null = Get-SifSignature $image -KeyPath $public
        Add-SifSignature $image $key
        $libraries = [AppDomain]::CurrentDomain.GetAssemblies() | Where-Object { $_.GetName().Name -eq 'BouncyCastle.Cryptography' }
        foreach ($library in $libraries) {
            [Runtime.Loader.AssemblyLoadContext]::GetLoadContext($library).Name | Should -Be OverlayTools.Dependencies
        }
    }
}
