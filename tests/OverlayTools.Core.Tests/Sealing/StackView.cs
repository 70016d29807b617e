using OverlayTools.Core.Tests.Ext;
using OverlayTools.TestSupport;

namespace OverlayTools.Core.Tests.Sealing;

/// <summary>What a mounted tree looks like to whoever uses it, as text: kinds, modes, owners, sizes, whole seconds,
/// targets, devices, digests and attributes; not what only the layers are concerned with.</summary>
internal static class StackView
{
    /// <summary>Looks at a tree.</summary>
    /// <param name="path">Its root.</param>
    /// <param name="attributes">Which attributes count, as a regular expression of getfattr.</param>
    /// <param name="links">Whether files with several names are told: a copy-up on an overlay tears them apart.</param>
    public static string Of(string path, string attributes = "^(user|trusted|security)\\.(?!overlay|fuseoverlayfs)", bool links = false)
    {
        Machine.NeedTool("getfattr");
        var pattern = attributes.Replace("(?!overlay|fuseoverlayfs)", "", StringComparison.Ordinal);
        return Ext3Image.Run("sh", "-c", $$"""
            export LC_ALL=C; cd '{{path}}'
            find . -path ./lost+found -prune -o -type d -printf '%P\t%y %m %U %G %Ts\n' -o -printf '%P\t%y %m %U %G %s %Ts %l\n' | sort
            find . -type f -print0 | sort -z | xargs -0r sha256sum
            find . \( -type b -o -type c \) -print0 | sort -z | xargs -0r stat -c '%n %t:%T'
            find . -path ./lost+found -prune -o -print0 | sort -z | xargs -0r getfattr -h -d -m '{{pattern}}' -e hex 2>/dev/null \
                | grep -v -E '^(trusted.overlay|user.overlay|user.fuseoverlayfs)\.' | awk '
                    /^# file/ { name = $0; next } /=/ { print name, $0 }'
            {{(links ? "find . ! -type d -links +1 -printf '%i %P\\n' | sort -k2 | awk '{ if (!($1 in n)) n[$1] = ++c; $1 = n[$1]; print }'" : ":")}}
            """);
    }
}
