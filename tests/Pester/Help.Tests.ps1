BeforeDiscovery {
    Import-Module ($env:OVERLAYTOOLS_MANIFEST ?? (Join-Path $PSScriptRoot '../../OverlayTools.psd1'))
    $script:cmdlets = (Get-Command -Module OverlayTools).Name | ForEach-Object { @{ Cmdlet = $_ } }
}

BeforeAll {
    $manifest = $env:OVERLAYTOOLS_MANIFEST ?? (Join-Path $PSScriptRoot '../../OverlayTools.psd1')
    Import-Module $manifest
    $pages = Join-Path $PSScriptRoot '../../docs/en-US'
    $help = Join-Path (Split-Path $manifest) en-US OverlayTools.dll-Help.xml

    function Need-PlatyPS {
        if (-not (Get-Module -ListAvailable Microsoft.PowerShell.PlatyPS)) {
            Set-ItResult -Skipped -Because 'it needs the module Microsoft.PowerShell.PlatyPS'
        }
    }
}

Describe 'Help of <Cmdlet>' -ForEach $cmdlets {
    BeforeAll {
        $found = Get-Help $Cmdlet -Full
        $common = [System.Management.Automation.Cmdlet]::CommonParameters
        $parameters = (Get-Command $Cmdlet).Parameters.Values | Where-Object Name -NotIn $common
    }

    It 'says what it is for' {
        $found.Synopsis | Should -Not -Match "^\s*$Cmdlet"
        $found.Synopsis.Length | Should -BeGreaterThan 15
        ($found.description.Text -join '').Length | Should -BeGreaterThan 100
    }

    It 'has examples with code' {
        @($found.examples.example).Count | Should -BeGreaterOrEqual 2
        foreach ($example in $found.examples.example) {
            $example.title | Should -Match 'Example \d+: \w'
            "$($example.introduction.Text) $($example.code)" | Should -Match '```powershell\s+\S'
        }
        $found.examples | Out-String | Should -Match $Cmdlet
    }

    It 'documents every parameter, and none that it does not have' {
        @($found.parameters.parameter.name | Sort-Object) | Should -Be @($parameters.Name | Sort-Object)
        foreach ($parameter in $found.parameters.parameter) {
            ($parameter.description.Text -join '').Length | Should -BeGreaterThan 10 -Because "-$($parameter.name) is to be described"
        }
    }

    It 'says of each parameter what is true' {
        foreach ($parameter in $found.parameters.parameter) {
            $real = $parameters | Where-Object Name -EQ $parameter.name
            $attributes = $real.Attributes | Where-Object { $_ -is [System.Management.Automation.ParameterAttribute] }
            $parameter.required | Should -Be "$([bool]($attributes | Where-Object Mandatory))".ToLower() -Because "of -$($real.Name)"
            ($parameter.pipelineInput -like 'true*') |
                Should -Be ([bool]($attributes | Where-Object { $_.ValueFromPipeline -or $_.ValueFromPipelineByPropertyName })) -Because "of -$($real.Name)"
            $type = [Nullable]::GetUnderlyingType($real.ParameterType) ?? $real.ParameterType
            $type.Name | Should -BeLike "*$($parameter.type.name -replace '[\[\]]', '?')*" -Because "of -$($real.Name)"
        }
    }

    It 'lists the aliases on its page' {
        $text = Get-Content (Join-Path $pages "$Cmdlet.md") -Raw
        foreach ($parameter in $parameters) {
            $section = [regex]::Match($text, "### -$($parameter.Name)\n[\s\S]*?Aliases: ?(?<aliases>.*)\n").Groups['aliases'].Value
            @($section -split ',\s*' | Where-Object { $_ } | Sort-Object) |
                Should -Be @($parameter.Aliases | Sort-Object) -Because "of -$($parameter.Name)"
        }
    }

    It 'has inputs, outputs and related links' {
        "$($found.inputTypes.inputType.type.name)" | Should -Not -BeNullOrEmpty
        "$($found.returnValues.returnValue.type.name)" | Should -Not -BeNullOrEmpty
        "$($found.relatedLinks.navigationLink.linkText)" | Should -Not -BeNullOrEmpty
    }
}

Describe 'The pages in docs/en-US' {
    It 'are as platyPS wants them' {
        Need-PlatyPS
        Test-MarkdownCommandHelp "$pages/*.md" | Should -Not -Contain $false
    }

    It 'are what the help was made from' {
        Need-PlatyPS
        Measure-PlatyPSMarkdown "$pages/*.md" | Where-Object FileType -Match CommandHelp |
            Import-MarkdownCommandHelp -Path { $_.FilePath } | Export-MamlCommandHelp -OutputFolder $TestDrive -Force
        $made = (Get-Content (Join-Path $TestDrive OverlayTools OverlayTools.dll-Help.xml) -Raw).ReplaceLineEndings("`n").TrimEnd()
        (Get-Content $help -Raw).ReplaceLineEndings("`n").TrimEnd() |
            Should -BeExactly $made -Because 'build.ps1 -Task Docs brings the help up to date'
    }
}

Describe 'about_OverlayTools' {
    It 'names every cmdlet' {
        $text = Get-Content (Join-Path (Split-Path $manifest) en-US about_OverlayTools.help.txt) -Raw
        foreach ($cmdlet in (Get-Command -Module OverlayTools).Name) { $text | Should -Match "\b$cmdlet\b" }
    }

    It 'is found by Get-Help' {
        Get-Help about_OverlayTools | Out-String | Should -Match 'Persistent overlays'
    }
}
