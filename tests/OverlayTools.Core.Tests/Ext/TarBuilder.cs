using System.Globalization;
using System.Text;

namespace OverlayTools.Core.Tests.Ext;

/// <summary>Writes archives member by member, with whatever names and numbers a test wants.</summary>
internal sealed class TarBuilder
{
    private readonly MemoryStream _bytes = new();

    public byte[] Bytes => [.. _bytes.ToArray(), .. new byte[1024]];

    public TarBuilder Add(string name, char type = '0', string content = "", string link = "", string size = "", int mode = 420)
    {
        var data = Encoding.Latin1.GetBytes(content);
        var header = new byte[512];
        Put(header, 0, name);
        Put(header, 100, Convert.ToString(mode, 8).PadLeft(7, '0'));
        Put(header, 108, "0000000");
        Put(header, 116, "0000000");
        Put(header, 124, size.Length > 0 ? size : Convert.ToString(data.Length, 8).PadLeft(11, '0'));
        Put(header, 136, "00000000001");
        header[156] = (byte)type;
        Put(header, 157, link);
        Put(header, 257, "ustar");
        Put(header, 263, "00");
        Put(header, 148, "        ");
        Put(header, 148, Convert.ToString(header.Sum(b => b), 8).PadLeft(6, '0') + "\0 ");
        _bytes.Write(header);
        _bytes.Write(data);
        _bytes.Write(new byte[-data.Length & 511]);
        return this;
    }

    public TarBuilder Pax(params (string Key, string Value)[] records) =>
        Add("pax", 'x', string.Concat(records.Select(record => Record(record.Key, record.Value))));

    public static string Record(string key, string value)
    {
        var rest = key.Length + value.Length + 3;
        var length = rest + 1;
        while (length != rest + length.ToString(CultureInfo.InvariantCulture).Length)
            length = rest + length.ToString(CultureInfo.InvariantCulture).Length;
        return $"{length} {key}={value}\n";
    }

    private static void Put(byte[] header, int at, string text) => Encoding.Latin1.GetBytes(text).CopyTo(header, at);
}
