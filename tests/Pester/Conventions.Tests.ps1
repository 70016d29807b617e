# The rules of docs/conventions.md that can be read off the cmdlets themselves.
BeforeDiscovery {
    Import-Module ($env:OVERLAYTOOLS_MANIFEST ?? (Join-Path $PSScriptRoot '../../OverlayTools.psd1'))
    $common = [Management.Automation.Cmdlet]::CommonParameters + [Management.Automation.Cmdlet]::OptionalCommonParameters
    $script:cmdlets = Get-Command -Module OverlayTools -CommandType Cmdlet | ForEach-Object {
        @{
            Name       = $_.Name
            Command    = $_
            Parameters = @($_.Parameters.Values | Where-Object Name -NotIn $common)
        }
    }
}

Describe '<Name>' -ForEach $cmdlets {
    BeforeAll {
        $type = $Command.ImplementingType
        $attribute = $type.GetCustomAttributes([Management.Automation.CmdletAttribute], $false)[0]
        # What changes something on the disk, or starts or ends something.
        $changes = $Command.Verb -in 'Add', 'Checkpoint', 'Convert', 'Copy', 'Export', 'Invoke', 'Merge', 'New', 'Optimize', 'Remove', 'Repair',
            'Resize', 'Restore', 'Set', 'Start', 'Stop'
    }

    It 'has an approved verb and a singular noun' {
        (Get-Verb $Command.Verb) | Should -Not -BeNullOrEmpty
        $Command.Noun | Should -Not -Match '[^s]s$'
        $Command.Noun | Should -Match '^(Overlay|Sif|Container)[A-Za-z]*$'
    }

    It 'is a sealed class named after it, in the namespace of commands' {
        $type.Name | Should -Be "$($Command.Verb)$($Command.Noun)Command"
        $type.Namespace | Should -Be 'OverlayTools.Commands'
        $type.IsSealed | Should -BeTrue
    }

    It 'asks before it changes something, and only then' {
        $attribute.SupportsShouldProcess | Should -Be $changes
        if ($changes) {
            $attribute.ConfirmImpact | Should -Be ($Command.Verb -eq 'Restore' ? 'High' : 'Medium')
        }
    }

    It 'says what it emits' {
        $Command.OutputType.Count | Should -BeGreaterThan 0
    }

    It 'has switches, not Booleans, and parameters in Pascal case that do not hide common ones' {
        foreach ($parameter in $Parameters) {
            $parameter.ParameterType | Should -Not -Be ([bool]) -Because $parameter.Name
            $parameter.Name | Should -MatchExactly '^[A-Z][A-Za-z0-9]+$'
        }
    }

    It 'takes sizes as people write them' {
        # -SizeBytes of what is piped is a number; every size that is typed may have a unit.
        foreach ($parameter in $Parameters | Where-Object Name -Match 'SizeBytes$|^GrowBy$') {
            $parameter.Attributes.TypeId.Name | Should -Contain SizeTransformationAttribute -Because "-$($parameter.Name)"
        }
    }

    It 'takes at most one parameter by value in each set' {
        foreach ($set in $Command.ParameterSets) {
            # Images, or an object's bytes: with the image in its place only the bytes are left, with -InputPath only the images.
            $most = $Command.Name -eq 'Add-SifObject' ? 2 : 1
            @($set.Parameters | Where-Object ValueFromPipeline).Count | Should -BeLessOrEqual $most -Because $set.Name
        }
    }

    It 'returns a Boolean, and only that, when it is called Test' {
        if ($Command.Verb -eq 'Test') {
            $Command.OutputType.Type | Should -Be ([bool])
        }
    }

    It 'has on its page the parameter sets that it has' {
        $common = [Management.Automation.Cmdlet]::CommonParameters
        $page = Get-Content (Join-Path $PSScriptRoot "../../docs/en-US/$($Command.Name).md") -Raw
        $syntax = [regex]::Match($page, '(?ms)^## SYNTAX$(.*?)^## ').Groups[1].Value
        $written = foreach ($block in [regex]::Matches($syntax, '(?ms)^```$(.*?)^```$')) {
            ([regex]::Matches($block.Value, '[ \[]-([A-Z]\w+)') | ForEach-Object { $_.Groups[1].Value } | Sort-Object) -join ' '
        }
        $real = foreach ($set in $Command.ParameterSets) { ($set.Parameters.Name | Where-Object { $_ -notin $common } | Sort-Object) -join ' ' }
        @($written | Sort-Object) | Should -Be @($real | Sort-Object)
    }

    It 'has a literal path wherever a path takes wildcards' {
        $path = $Parameters | Where-Object { $_.Name -eq 'Path' -and $_.Attributes.Where{ $_ -is [Management.Automation.SupportsWildcardsAttribute] } }
        if ($path) {
            $literal = $Parameters | Where-Object Name -EQ LiteralPath
            $literal | Should -Not -BeNullOrEmpty
            $literal.Aliases | Should -Contain 'PSPath'
            $literal.Aliases | Should -Contain 'FullName'
        }
    }

    It 'offers the values of each enumeration and completes each id' {
        foreach ($parameter in $Parameters | Where-Object Name -In Id, GroupId, Name) {
            if ($parameter.Name -eq 'Id') {
                @($parameter.Attributes | Where-Object { $_ -is [Management.Automation.ArgumentCompleterAttribute] }).Count | Should -Be 1 -Because "-$($parameter.Name)"
            }
        }
    }
}

Describe "All cmdlets together" -ForEach @{ cmdlets = $cmdlets } {
    It 'give one type to one parameter name' {
        # One or several, given or not: of the same kind. -Path is one image where one is made or run, -Name is a text or a pattern of it;
        # -InputObject is what the cmdlet is about; -Overlay of Test-OverlayImage says that the rules of overlays count.
        $kinds = foreach ($parameter in $cmdlets.Parameters | Where-Object Name -NotIn InputObject, Overlay) {
            $type = $parameter.ParameterType.IsArray ? $parameter.ParameterType.GetElementType() : $parameter.ParameterType
            [pscustomobject]@{ Name = $parameter.Name; Type = [Nullable]::GetUnderlyingType($type) ?? $type }
        }
        $different = $kinds | Group-Object Name | Where-Object { @($_.Group.Type | Sort-Object -Unique).Count -gt 1 }
        $different.Name | Should -BeNullOrEmpty
    }

    It 'give one meaning to one alias' {
        $aliases = foreach ($parameter in $cmdlets.Parameters) {
            foreach ($alias in $parameter.Aliases) { [pscustomobject]@{ Alias = $alias; Name = $parameter.Name } }
        }
        # These name the file that came by the pipeline, whatever it is here.
        $ambiguous = $aliases | Where-Object Alias -NotIn FullName, PSPath, LP | Group-Object Alias |
            Where-Object { @($_.Group.Name | Sort-Object -Unique).Count -gt 1 }
        $ambiguous.Name | Should -BeNullOrEmpty
    }
}
