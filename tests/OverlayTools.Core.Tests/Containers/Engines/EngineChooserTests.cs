using OverlayTools.Containers;
using OverlayTools.Containers.Engines;

namespace OverlayTools.Core.Tests.Containers.Engines;

/// <summary>Which engine runs a request.</summary>
public sealed class EngineChooserTests
{
    private static readonly ContainerRequest s_file = new() { ImagePath = "/c.sif", Command = ["true"], CurrentDirectory = "/" };
    private static readonly ContainerRequest s_pulled = s_file with { ImagePath = "docker://alpine" };

    private const ContainerEngineKind Auto = ContainerEngineKind.Auto;
    private const ContainerEngineKind Native = ContainerEngineKind.Native;
    private const ContainerEngineKind Apptainer = ContainerEngineKind.Apptainer;
    private const ContainerEngineKind Singularity = ContainerEngineKind.Singularity;

    [Theory]
    [InlineData(Auto, Native, new[] { Native, Apptainer, Singularity })]
    [InlineData(Auto, Apptainer, new[] { Apptainer, Singularity })]
    [InlineData(Auto, Singularity, new[] { Singularity })]
    [InlineData(Native, Native, new[] { Native, Apptainer })]
    [InlineData(Apptainer, Apptainer, new[] { Native, Apptainer })]
    [InlineData(Singularity, Singularity, new[] { Native, Singularity })]
    public void The_first_that_can_is_taken_unless_one_is_wanted(
        ContainerEngineKind wanted, ContainerEngineKind expected, ContainerEngineKind[] available) =>
        Assert.Equal(expected, EngineChooser.Choose(s_file with { Engine = wanted }, Finder(available)).Engine);

    [Fact]
    public void Nothing_else_is_asked_when_ours_can() =>
        EngineChooser.Choose(s_file, kind => kind == Native ? Finder([Native])(kind) : throw new InvalidOperationException("Nobody wants to know."));

    [Theory]
    [InlineData(Auto, new[] { Apptainer })]
    [InlineData(Apptainer, new[] { Apptainer })]
    public void What_has_to_be_pulled_goes_to_who_pulls(ContainerEngineKind wanted, ContainerEngineKind[] available) =>
        Assert.Equal(Apptainer, EngineChooser.Choose(s_pulled with { Engine = wanted }, Finder([Native, .. available])).Engine);

    [Theory]
    [InlineData(Auto)]
    [InlineData(Native)]
    public void Without_one_who_pulls_the_error_says_so(ContainerEngineKind wanted)
    {
        var error = Assert.Throws<EngineException>(() => EngineChooser.Choose(s_pulled with { Engine = wanted }, Finder([Native])));
        Assert.Equal(ErrorIds.ContainerImagePull, error.ErrorId);
        Assert.Contains("docker://alpine", error.Message);
        Assert.Contains("apptainer", error.RecommendedAction, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData(Auto)]
    [InlineData(Native)]
    [InlineData(Singularity)]
    public void What_is_not_available_is_refused_with_its_reason(ContainerEngineKind wanted)
    {
        var error = Assert.Throws<EngineException>(() => EngineChooser.Choose(s_file with { Engine = wanted }, Finder([])));
        Assert.Equal(ErrorIds.RuntimeNotFound, error.ErrorId);
        Assert.Contains(wanted == Singularity ? "Singularity lacks something." : "Native lacks something.", error.Message);
        Assert.Contains("mend it", error.RecommendedAction);
    }

    [Theory]
    [InlineData(Auto)]
    [InlineData(Native)]
    public void Where_only_the_kernel_refuses_the_error_says_that(ContainerEngineKind wanted)
    {
        var error = Assert.Throws<EngineException>(() => EngineChooser.Choose(
            s_file with { Engine = wanted }, kind => Finder([])(kind) with { LacksOnlyNamespaces = kind == Native }));
        Assert.Equal(ErrorIds.NamespaceUnavailable, error.ErrorId);
        Assert.Contains("mend it", error.RecommendedAction);
    }

    [Fact]
    public void Another_helps_out_where_ours_lacks_a_program_and_the_user_left_it_open()
    {
        var lacking = new EngineException(ErrorIds.RuntimeNotFound, "no squashfuse");
        Assert.Equal(Apptainer, EngineChooser.Instead(s_file, lacking, Finder([Apptainer]))?.Engine);
        Assert.Null(EngineChooser.Instead(s_file with { Engine = Native }, lacking, Finder([Apptainer])));
        Assert.Null(EngineChooser.Instead(s_file, lacking, Finder([])));
        Assert.Null(EngineChooser.Instead(s_file, new EngineException(ErrorIds.OverlayInUse, "in use"), Finder([Apptainer])));
    }

    [Theory]
    [InlineData("docker://alpine", true)]
    [InlineData("oras://ghcr.io/x/y", true)]
    [InlineData("library://alpine", true)]
    [InlineData("shub://a/b", true)]
    [InlineData("docker-archive:x.tar", true)]
    [InlineData("oci-archive:x.tar", true)]
    [InlineData("https://example.org/x.sif", true)]
    [InlineData("docker.sif", false)]
    [InlineData("./docker:x", false)]
    [InlineData("/a/docker://b", false)]
    public void References_are_told_from_files(string text, bool expected) => Assert.Equal(expected, ImageReference.IsPulled(text));

    private static Func<ContainerEngineKind, ContainerEngine> Finder(ContainerEngineKind[] available) => kind => new ContainerEngine
    {
        Engine = kind,
        Available = available.Contains(kind),
        Reason = available.Contains(kind) ? string.Empty : $"{kind} lacks something.",
        Remedies = ["mend it"],
    };
}
