using OverlayTools.Tar;

namespace OverlayTools.Ext;

/// <summary>
/// The tree that a tar archive describes. Contents are read when they are written, from the archive itself where it can
/// seek and from a temporary file else, so this, and the archive, stay open until then.
/// <para>Nothing of the archive reaches outside the tree: <c>/</c> at the start of a name counts for nothing, <c>..</c>
/// is refused, and no link is ever followed. A later member replaces an earlier one of its name, with all below it when
/// it is no directory. Names of deletions (<c>.wh.</c>) are names as all others. The entries of a directory are sorted
/// by their bytes.</para>
/// </summary>
public sealed class ExtTarTree : IDisposable
{
    private readonly TarContentStore _store;

    private ExtTarTree(TarContentStore store, ExtNode root)
    {
        _store = store;
        Root = root;
    }

    /// <summary>The root directory: the archive's <c>./</c>, or one of root's with mode 0755.</summary>
    public ExtNode Root { get; }

    /// <summary>Reads an archive: ustar, GNU or pax, uncompressed or compressed by gzip.</summary>
    /// <param name="archive">The archive, from its position on. It stays the caller's, and open.</param>
    /// <param name="spoolDirectory">Where to keep the contents of an archive that cannot seek or is compressed: in a
    /// temporary file without a name. Null when only the tree is wanted, and no content is going to be read.</param>
    /// <param name="owner">Who shall own every file; null keeps the owners, by number.</param>
    /// <param name="progress">Told about bytes read.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <exception cref="EngineException"><see cref="ErrorIds.TarCorrupt"/>, <see cref="ErrorIds.TarUnsupported"/>,
    /// <see cref="ErrorIds.TarMemberRefused"/>; each names the member.</exception>
    /// <exception cref="OperationCanceledException">The token asked for it.</exception>
    public static ExtTarTree Read(
        Stream archive, string? spoolDirectory, (uint UserId, uint GroupId)? owner = null,
        IProgress<EngineProgress>? progress = null, CancellationToken cancellation = default)
    {
        var plain = TarInput.Uncompressed(archive);
        var store = new TarContentStore(plain, spoolDirectory);
        try
        {
            var total = archive.CanSeek ? archive.Length : 0;
            var builder = new TarTreeBuilder(store, owner);
            var reader = new TarReader(store, cancellation);
            while (reader.Next() is { } member)
            {
                builder.Add(member);
                progress?.Report(new EngineProgress("Reading archive", archive.CanSeek ? archive.Position : store.Position, total));
            }

            return new ExtTarTree(store, builder.Build());
        }
        catch (InvalidDataException error)
        {
            store.Dispose();
            throw new EngineException(ErrorIds.TarCorrupt, $"The archive is damaged: {error.Message}",
                "Make the archive again, or copy it again.", null, error);
        }
        catch
        {
            store.Dispose();
            throw;
        }
    }

    /// <summary>Closes the temporary file, if there is one.</summary>
    public void Dispose() => _store.Dispose();
}
