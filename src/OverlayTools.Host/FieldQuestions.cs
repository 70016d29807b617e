using System.Collections.ObjectModel;
using System.Management.Automation;
using System.Management.Automation.Host;
using System.Security;

namespace OverlayTools.Host;

/// <summary>Asks for values, such as those of mandatory parameters that were left out.</summary>
internal sealed class FieldQuestions(ConsoleUserInterface console)
{
    /// <summary>Asks for each field in turn.</summary>
    /// <returns>The values by the fields' names; those that nobody gave are absent.</returns>
    public Dictionary<string, PSObject> Ask(
        string caption, string message, Collection<FieldDescription> descriptions)
    {
        console.WriteHeading(caption, message);
        var values = new Dictionary<string, PSObject>();
        foreach (var field in descriptions)
        {
            if (AskOne(field, TypeOf(field)) is { } value)
                values[field.Name] = PSObject.AsPSObject(value);
        }

        return values;
    }

    /// <summary>Asks for a name, unless it is known, and a password.</summary>
    public PSCredential AskCredential(string caption, string message, string? userName)
    {
        console.WriteHeading(caption, message);
        if (string.IsNullOrEmpty(userName))
        {
            console.Write("User: ");
            userName = console.ReadAnswer() ?? "";
        }

        console.Write($"Password for user {userName}: ");
        return new PSCredential(userName, console.ReadLineAsSecureString());
    }

    private static Type TypeOf(FieldDescription field)
    {
        if (LanguagePrimitives.TryConvertTo<Type>(field.ParameterAssemblyFullName, out var exact))
            return exact;
        return LanguagePrimitives.TryConvertTo<Type>(field.ParameterTypeFullName, out var named)
            ? named
            : typeof(string);
    }

    private object? AskOne(FieldDescription field, Type type)
    {
        var label = string.IsNullOrEmpty(field.Label) ? field.Name : field.Label.Replace("&", "");
        if (type == typeof(PSCredential))
            return AskCredential("", label, null);
        if (type.IsArray)
            return AskList(label, type);
        console.Write($"{label}: ");
        if (type == typeof(SecureString))
            return console.ReadLineAsSecureString();
        var text = console.ReadAnswer();
        return text is null ? null : LanguagePrimitives.ConvertTo(text, type);
    }

    private object? AskList(string label, Type type)
    {
        var items = new List<string>();
        while (true)
        {
            console.Write($"{label}[{items.Count}]: ");
            var text = console.ReadAnswer();
            if (string.IsNullOrEmpty(text))
                return items.Count > 0 ? LanguagePrimitives.ConvertTo(items.ToArray(), type) : null;
            items.Add(text);
        }
    }
}
