using System.Globalization;

namespace OverlayTools.Benchmarks;

/// <summary>What the command line asks for.</summary>
internal sealed record Options
{
    public const string Usage = """
        Measures OverlayTools side by side with its peers, and prints medians and ratios.
          --runs N           of each side, after 2 warm-ups (default 21)
          --only WORD        image, large, populate, copy, compare, seal, resize, list, sif,
                             import, container or phases
          --apptainer PATH   default: on PATH
          --siftool PATH     default: on PATH
          --user NAME        the ordinary user for the container (default, for root: one made for the run)
          --no-user          not as an ordinary user
          --scratch DIR      on the file system to measure (default: the temporary directory)
          --micro            BenchmarkDotNet's benchmarks of the engine instead; further arguments are BenchmarkDotNet's
        """;

    public int Runs { get; private set; } = 21;

    public string? Only { get; private set; }

    public string? Apptainer { get; private set; }

    public string? Siftool { get; private set; }

    public string? User { get; private set; }

    public bool NoUser { get; private set; }

    public string Scratch { get; private set; } = Path.GetTempPath();

    /// <summary>Reads the command line; null when it cannot be understood.</summary>
    public static Options? Parse(IEnumerable<string> arguments)
    {
        var options = new Options();
        var rest = new Queue<string>(arguments);
        while (rest.TryDequeue(out var name))
        {
            if (name == "--no-user")
                options.NoUser = true;
            else if (!rest.TryDequeue(out var value) || !options.TrySet(name, value))
                return null;
        }

        return options;
    }

    public bool Wants(string group) => Only is null || Only == group;

    private bool TrySet(string name, string value)
    {
        switch (name)
        {
            case "--runs" when int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var runs) && runs > 0:
                Runs = runs;
                return true;
            case "--only" when value is "image" or "large" or "populate" or "copy" or "compare" or "seal" or "resize" or "list" or "sif"
                or "import" or "container" or "phases":
                Only = value;
                return true;
            case "--apptainer":
                Apptainer = value;
                return true;
            case "--siftool":
                Siftool = value;
                return true;
            case "--user":
                User = value;
                return true;
            case "--scratch":
                Scratch = value;
                return true;
            default:
                return false;
        }
    }
}
