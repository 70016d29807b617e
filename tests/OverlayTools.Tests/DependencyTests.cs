using System.Reflection;
using System.Reflection.Emit;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Runtime.Loader;
using System.Security.Cryptography;
using OverlayTools.Sif;
using OverlayTools.TestSupport;
using Machine = OverlayTools.TestSupport.Machine;

namespace OverlayTools.Tests;

/// <summary>What ships with the module, and that it keeps to itself.</summary>
public sealed class DependencyTests
{
    private const string Library = "BouncyCastle.Cryptography";

    [Fact]
    public void Another_copy_of_the_library_in_the_session_does_not_matter()
    {
        using var directory = new TemporaryDirectory();
        // Of another version, and without anything that the module needs: as another module might have loaded it.
        var name = new AssemblyName(Library) { Version = new Version(1, 0, 0, 0) };
        var fake = new PersistedAssemblyBuilder(name, typeof(object).Assembly);
        fake.DefineDynamicModule(Library);
        fake.Save(directory["fake.dll"]);
        var other = AssemblyLoadContext.Default.LoadFromAssemblyPath(directory["fake.dll"]);
        Assert.Equal(name.Version, other.GetName().Version);

        using var session = new ModuleSession(directory.Path);
        // An Ed25519 key (RFC 8032, 7.1, test 1), which only the library can use.
        File.WriteAllText(directory["key"], PemEncoding.WriteString("PRIVATE KEY", Convert.FromHexString(
            "302e020100300506032b6570042204209d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")));
        File.WriteAllText(directory["key.pub"], PemEncoding.WriteString("PUBLIC KEY", Convert.FromHexString(
            "302a300506032b6570032100d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")));
        SifWriter.Create(directory["a.sif"], new SifCreateOptions(), [new SifNewObject
        {
            DataType = SifDataType.Generic,
            Content = SifContent.FromBytes("content"u8.ToArray()),
        }], token: TestContext.Current.CancellationToken);
        session.Run("Add-SifSignature a.sif key -ErrorAction Stop");
        Assert.Equal(true, Assert.Single(session.Run("(Get-SifSignature a.sif -Key key.pub).IsValid")).BaseObject);

        var ours = AppDomain.CurrentDomain.GetAssemblies()
            .Where(a => a.GetName().Name is Library or "OverlayTools.Signatures" && a != other).ToList();
        Assert.Equal(2, ours.Count);
        Assert.All(ours, a => Assert.NotSame(AssemblyLoadContext.Default, AssemblyLoadContext.GetLoadContext(a)));
        Assert.All(ours, a => Assert.StartsWith(Path.Combine(Machine.ModuleBin, "deps"), a.Location,
            StringComparison.Ordinal));
    }

    [Fact]
    public void The_module_folder_holds_the_module_and_what_it_needs_and_nothing_else()
    {
        var found = Directory.EnumerateFiles(Machine.ModuleBin, "*.dll", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(Machine.ModuleBin, path))
            .Order(StringComparer.Ordinal);

        // An optimised build also has the engine compiled for this processor.
        var compiled = File.Exists(CompiledEngine) ? new[] { Path.GetRelativePath(Machine.ModuleBin, CompiledEngine) } : [];
        Assert.Equal(["OverlayTools.Core.dll", "OverlayTools.Loader.dll", "OverlayTools.dll", $"deps/{Library}.dll",
            "deps/K4os.Compression.LZ4.dll", "deps/OverlayTools.Compression.dll", "deps/OverlayTools.Signatures.dll",
            "deps/SharpCompress.dll", "deps/ZstdSharp.dll", .. compiled], found);
        Assert.True(File.Exists(Path.Combine(Machine.ModuleBin, "deps", "Compression.LICENSE.md")));
        Assert.True(File.Exists(Path.Combine(Machine.ModuleBin, "deps", "BouncyCastle.LICENSE.md")));
    }

    private static string CompiledEngine => Path.Combine(Machine.ModuleBin,
        System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant(), "OverlayTools.Core.dll");

    [Fact]
    public void No_assembly_in_it_is_a_reference_assembly_or_PowerShell()
    {
        foreach (var path in Directory.EnumerateFiles(Machine.ModuleBin, "*.dll", SearchOption.AllDirectories))
        {
            Assert.DoesNotContain("System.Management.Automation", path, StringComparison.Ordinal);
            Assert.DoesNotContain("PowerShellStandard", path, StringComparison.Ordinal);
            using var file = new PEReader(File.OpenRead(path));
            var metadata = file.GetMetadataReader();
            Assert.NotEqual("System.Management.Automation",
                metadata.GetString(metadata.GetAssemblyDefinition().Name));
            foreach (var handle in metadata.TypeReferences)
            {
                Assert.NotEqual("ReferenceAssemblyAttribute",
                    metadata.GetString(metadata.GetTypeReference(handle).Name));
            }
        }
    }
}
