using System.Collections;

namespace OverlayTools.Native;

/// <summary>This process's environment, as <c>execve(2)</c> takes it.</summary>
internal static class OwnEnvironment
{
    /// <summary>Every variable, <c>NAME=value</c>.</summary>
    public static List<string> Variables() =>
        [.. Environment.GetEnvironmentVariables().Cast<DictionaryEntry>().Select(pair => $"{pair.Key}={pair.Value}")];
}
