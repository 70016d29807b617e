using System.Globalization;
using System.Text;

namespace OverlayTools.Tar;

/// <summary>The records of an extended header (<c>LENGTH KEY=VALUE\n</c>); values are bytes, since attributes and names
/// need not be text.</summary>
internal sealed class PaxRecords
{
    private readonly Dictionary<string, byte[]> _values;
    private readonly List<(string Key, byte[] Value)> _sparse = [];

    /// <param name="inherited">What a global header said, or null.</param>
    public PaxRecords(PaxRecords? inherited = null) =>
        _values = inherited is null ? new(StringComparer.Ordinal) : new(inherited._values, StringComparer.Ordinal);

    /// <summary>The records that describe holes, in their order: a key may be there many times.</summary>
    public IReadOnlyList<(string Key, byte[] Value)> Sparse => _sparse;

    /// <summary>All keys and values; of a key that is there twice, the last.</summary>
    public IReadOnlyDictionary<string, byte[]> Values => _values;

    public void Parse(ReadOnlySpan<byte> records)
    {
        while (!records.IsEmpty && records.ContainsAnyExcept((byte)0))
        {
            var space = records.IndexOf((byte)' ');
            if (space is < 1 or > 10 || !TryInteger(records[..space], out var length)
                || length <= space + 1 || length > records.Length || records[(int)length - 1] != '\n')
                throw TarFailure.Corrupt("an extended header has a record of a wrong length");
            var record = records[(space + 1)..((int)length - 1)];
            var equals = record.IndexOf((byte)'=');
            if (equals < 1)
                throw TarFailure.Corrupt("an extended header has a record without a key");
            Add(Encoding.UTF8.GetString(record[..equals]), record[(equals + 1)..].ToArray());
            records = records[(int)length..];
        }
    }

    /// <summary>The value of a key as decimal digits, or null.</summary>
    public long? Integer(string key)
    {
        if (!_values.TryGetValue(key, out var value) || value.Length == 0)
            return null;
        return TryInteger(value, out var number)
            ? number
            : throw TarFailure.Corrupt($"the number '{Encoding.UTF8.GetString(value)}' of '{key}' is none");
    }

    /// <summary>A time, as seconds with decimal places; null when it is not there.</summary>
    public (long Seconds, uint Nanoseconds)? Time(string key)
    {
        if (!_values.TryGetValue(key, out var value) || value.Length == 0)
            return null;
        var text = Encoding.ASCII.GetString(value);
        var isNegative = text.StartsWith('-');
        var parts = text[(isNegative ? 1 : 0)..].Split('.');
        if (parts.Length > 2 || !long.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            || (parts.Length == 2 && (parts[1].Length == 0 || parts[1].AsSpan().ContainsAnyExceptInRange('0', '9'))))
            throw TarFailure.Corrupt($"'{text}' of '{key}' is no time");
        var nanoseconds = parts.Length == 1
            ? 0 : uint.Parse(parts[1].PadRight(9, '0')[..9], NumberStyles.None, CultureInfo.InvariantCulture);
        if (!isNegative)
            return (seconds, nanoseconds);
        return nanoseconds == 0 ? (-seconds, 0) : (-seconds - 1, 1_000_000_000 - nanoseconds);
    }

    public static bool TryInteger(ReadOnlySpan<byte> digits, out long number)
    {
        number = 0;
        return digits.Length is > 0 and <= 19 && !digits.ContainsAnyExceptInRange((byte)'0', (byte)'9')
            && long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }

    private void Add(string key, byte[] value)
    {
        if (key.StartsWith("GNU.sparse.", StringComparison.Ordinal))
            _sparse.Add((key, value));
        // An empty value takes back what a global header said (POSIX, pax); but an attribute may be empty.
        if (value.Length == 0 && !key.StartsWith(TarMember.AttributePrefix, StringComparison.Ordinal))
            _values.Remove(key);
        else
            _values[key] = value;
    }
}
