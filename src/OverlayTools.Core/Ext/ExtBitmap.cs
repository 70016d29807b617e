namespace OverlayTools.Ext;

/// <summary>The bits of one bitmap block: set means in use.</summary>
internal static class ExtBitmap
{
    public static bool IsSet(ReadOnlySpan<byte> bitmap, uint bit) => (bitmap[(int)(bit >> 3)] >> (int)(bit & 7) & 1) != 0;

    /// <summary>Sets or clears the bits from <paramref name="start"/> up to, not including,
    /// <paramref name="end"/>.</summary>
    public static void Fill(Span<byte> bitmap, uint start, uint end, bool value)
    {
        while (start < end && (start & 7) != 0)
            Put(bitmap, start++, value);
        while (start < end && (end & 7) != 0)
            Put(bitmap, --end, value);
        if (start < end)
            bitmap[(int)(start >> 3)..(int)(end >> 3)].Fill(value ? (byte)0xFF : (byte)0);
    }

    /// <summary>The first clear bit at or after <paramref name="from"/>, or <paramref name="end"/>.</summary>
    public static uint FirstClear(ReadOnlySpan<byte> bitmap, uint from, uint end)
    {
        while (from < end && (from & 7) != 0)
        {
            if (!IsSet(bitmap, from))
                return from;
            from++;
        }

        if (from >= end)
            return end;
        var whole = bitmap[(int)(from >> 3)..].IndexOfAnyExcept((byte)0xFF);
        if (whole < 0)
            return end;
        from += (uint)whole << 3;
        while (from < end && IsSet(bitmap, from))
            from++;
        return Math.Min(from, end);
    }

    /// <summary>The first set bit at or after <paramref name="from"/>, or <paramref name="end"/>.</summary>
    public static uint FirstSet(ReadOnlySpan<byte> bitmap, uint from, uint end)
    {
        while (from < end)
        {
            if ((from & 7) == 0 && end - from >= 8 && bitmap[(int)(from >> 3)] == 0)
                from += 8;
            else if (IsSet(bitmap, from))
                return from;
            else
                from++;
        }

        return end;
    }

    private static void Put(Span<byte> bitmap, uint bit, bool value)
    {
        var mask = (byte)(1 << (int)(bit & 7));
        if (value)
            bitmap[(int)(bit >> 3)] |= mask;
        else
            bitmap[(int)(bit >> 3)] &= (byte)~mask;
    }
}
