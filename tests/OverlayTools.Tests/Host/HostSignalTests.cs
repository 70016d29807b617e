namespace OverlayTools.Tests.Host;

public class HostSignalTests
{
    private const string Loop =
        "[Console]::WriteLine('ready'); try { while ($true) { } } finally { [Console]::WriteLine('cleaned') }; 'after'";

    [Theory]
    [InlineData("INT", 1)]
    [InlineData("TERM", 143)]
    [InlineData("HUP", 129)]
    public void A_signal_stops_a_command_which_cleans_up(string signal, int exitCode) =>
        Assert.Equal((exitCode, "cleaned\n"), HostProgram.RunAndSignal(signal, "-Command", Loop));

    [Fact]
    public void A_signal_stops_a_script_file_which_cleans_up()
    {
        using var directory = new TestSupport.TemporaryDirectory();
        File.WriteAllText(directory["loop.ps1"], Loop);
        Assert.Equal((1, "cleaned\n"), HostProgram.RunAndSignal("INT", "-File", directory["loop.ps1"]));
    }

    [Fact]
    public void A_signal_stops_waiting_for_input() =>
        Assert.Equal((1, ""),
            HostProgram.RunAndSignal("INT", "-Command", "[Console]::WriteLine('ready'); $Host.UI.ReadLine()"));

    [Fact]
    public void A_signal_stops_a_native_program() =>
        Assert.Equal((1, ""),
            HostProgram.RunAndSignal("INT", "-Command", "[Console]::WriteLine('ready'); sleep 1000; 'after'"));
}
