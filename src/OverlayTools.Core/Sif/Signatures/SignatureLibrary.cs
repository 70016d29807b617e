namespace OverlayTools.Sif.Signatures;

/// <summary>The cryptography that ships with the module.</summary>
internal static class SignatureLibrary
{
    private static readonly Lazy<ISignatureLibrary> s_instance = new(() => (ISignatureLibrary)ModuleDependency.Load(
        "OverlayTools.Signatures", "OverlayTools.Signatures.BouncyCastleLibrary"));

    /// <summary>The library, loaded at the first use.</summary>
    /// <exception cref="FileNotFoundException">It is not beside the module.</exception>
    public static ISignatureLibrary Instance => s_instance.Value;
}
