using System.Collections;
using System.Globalization;
using System.Management.Automation;
using OverlayTools.Containers;

namespace OverlayTools;

/// <summary>Reads what a user may give in more than one form: text, hashtables, objects of other cmdlets.</summary>
/// <param name="resolve">Makes a full path of the host of what was typed.</param>
internal sealed class ContainerArguments(Func<string, string> resolve)
{
    // The second name of each is the older one.
    private static readonly string[][] s_bindVariables =
        [["APPTAINER_BIND", "SINGULARITY_BIND"], ["APPTAINER_BINDPATH", "SINGULARITY_BINDPATH"]];

    /// <summary>An overlay: <c>PATH[:ro]</c>, a file or directory, or an object with <c>Path</c>, and perhaps <c>Id</c>
    /// and <c>ReadOnly</c>, as Get-OverlayImage emits it. Wildcard characters stand for themselves.</summary>
    public OverlayArgument Overlay(object value)
    {
        if (Unwrap(value) is string text)
        {
            var argument = OverlayArgument.Parse(text);
            return argument with { Path = resolve(argument.Path) };
        }

        return new OverlayArgument(
            resolve(PathOf(value) ?? throw Invalid(value, "an overlay", "PATH[:ro] or an object with a property Path")),
            Flag(value, "ReadOnly"), Number(value, "Id"));
    }

    /// <summary>Binds: <c>SOURCE[:DESTINATION[:OPTIONS]]</c>, or an object or hashtable with <c>Source</c>,
    /// <c>Destination</c>, <c>ReadOnly</c>, <c>ImageSource</c> and <c>Id</c>.</summary>
    public IEnumerable<BindArgument> Binds(object value)
    {
        if (Unwrap(value) is string text)
            return BindArgument.Parse(text, resolve);
        var source = Text(value, "Source") ?? PathOf(value)
            ?? throw Invalid(value, "a bind", "SOURCE[:DESTINATION[:OPTIONS]] or @{ Source = ...; Destination = ... }");
        return [BindArgument.Of(source, Text(value, "Destination"), Flag(value, "ReadOnly"), Text(value, "ImageSource"),
            Number(value, "Id"), resolve)];
    }

    /// <summary>The binds that a site or user sets for all containers, in the variables that Apptainer reads.</summary>
    public IEnumerable<BindArgument> BindsOfEnvironment() => s_bindVariables
        .Select(names => names.Select(Environment.GetEnvironmentVariable).FirstOrDefault(value => !string.IsNullOrEmpty(value)))
        .OfType<string>()
        .SelectMany(text => BindArgument.Parse(text, resolve));

    /// <summary>Variables with their values as text.</summary>
    public static Dictionary<string, string> Variables(IDictionary table)
    {
        var variables = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (DictionaryEntry entry in table)
            variables[ToText(entry.Key)] = entry.Value is null ? string.Empty : ToText(entry.Value);
        return variables;
    }

    private static string? PathOf(object value) =>
        Unwrap(value) is FileSystemInfo file ? file.FullName : Text(value, "Path");

    private static object Unwrap(object value) => value is PSObject wrapped ? wrapped.BaseObject : value;

    private static object? Get(object value, string name)
    {
        if (Unwrap(value) is not IDictionary table)
            return PSObject.AsPSObject(value).Properties[name]?.Value;
        return table.Keys.Cast<object>().Where(key => string.Equals(ToText(key), name, StringComparison.OrdinalIgnoreCase))
            .Select(key => table[key]).FirstOrDefault();
    }

    private static string? Text(object value, string name) => Get(value, name) is { } text ? ToText(text) : null;

    private static bool Flag(object value, string name) => LanguagePrimitives.IsTrue(Get(value, name));

    private static uint? Number(object value, string name)
    {
        if (Get(value, name) is not { } given)
            return null;
        return LanguagePrimitives.TryConvertTo<uint>(given, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw Invalid(given, $"a number for {name}", "the id of a partition");
    }

    private static string ToText(object value) => LanguagePrimitives.ConvertTo<string>(value);

    private static EngineException Invalid(object value, string what, string expected) =>
        new(ErrorIds.ContainerOptionInvalid, $"'{value}' is not {what}.", $"Give {expected}.", value);
}
