using System.Globalization;
using System.Text;
using OverlayTools.Sif;

namespace OverlayTools.Core.Tests.Sif;

/// <summary>The table of <c>siftool list</c>, from our objects.</summary>
internal static class SiftoolTable
{
    public static string Render(IEnumerable<SifObject> objects)
    {
        var text = new StringBuilder();
        var rule = new string('-', 78);
        text.Append(rule).Append("\nID   |GROUP   |LINK    |SIF POSITION (start-end)  |TYPE\n")
            .Append(rule).Append('\n');
        foreach (var found in objects)
        {
            var group = found.GroupId?.ToString(CultureInfo.InvariantCulture) ?? "NONE";
            var link = found switch
            {
                { LinkedId: null } => "NONE".PadRight(7),
                { LinkedToGroup: true } => $"{found.LinkedId,-3} (G)",
                _ => $"{found.LinkedId,-7}",
            };
            var position = $"|{found.PositionText} ";
            text.Append(CultureInfo.InvariantCulture,
                $"{found.Id,-4} |{group,-7} |{link} {position,-26} |{found.TypeText}\n");
        }

        return text.ToString();
    }
}
