using System.Management.Automation;
using OverlayTools.IO;
using OverlayTools.Sif;
using OverlayTools.TestSupport;

namespace OverlayTools.Tests;

public sealed class GetSifImageTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly ModuleSession _session;

    public GetSifImageTests()
    {
        _session = new ModuleSession(_directory.Path);
        ImageFiles.MakeSif(_directory["a.sif"], overlay: true);
        ImageFiles.MakeSif(_directory["signed.sif"], signed: true);
        File.WriteAllText(_directory["text"], "neither");
    }

    public void Dispose()
    {
        _session.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public void An_image_is_described()
    {
        var image = Image("Get-SifImage a.sif");
        Assert.Equal(_directory["a.sif"], image.Path);
        Assert.Equal("01", image.Version);
        Assert.Equal((48, 46, 2), (image.Capacity, image.FreeDescriptors, image.ObjectCount));
        Assert.Equal((1u, SifArchitecture.Amd64), (image.PrimaryPartitionId, image.HeaderArchitecture));
        Assert.Equal([2u], image.OverlayIds);
        Assert.Equal(8192, image.DataBytes);
        Assert.Equal(0, image.WastedBytes);
        Assert.Equal(ImageFiles.AllocatedBytes(_directory["a.sif"]), image.AllocatedBytes);
        Assert.False(image.IsSigned || image.IsEncrypted || image.IsDeterministic);
        Assert.NotNull(image.Created);
        Assert.Empty(image.Users);
        Assert.True(Image("Get-SifImage signed.sif").IsSigned);
    }

    [Fact]
    public void The_layout_covers_the_file_and_shows_what_a_deletion_left()
    {
        _session.Run("Remove-SifObject a.sif 1 -Force");
        var image = Image("Get-SifImage a.sif");
        Assert.Equal(
            [SifRangeKind.Header, SifRangeKind.Padding, SifRangeKind.Table, SifRangeKind.Hole, SifRangeKind.Object],
            image.Layout.Select(range => range.Kind));
        long end = 0;
        foreach (var range in image.Layout)
        {
            Assert.Equal(end, range.Offset);
            end += range.SizeBytes;
        }

        Assert.Equal(image.SizeBytes, end);
        Assert.Equal(4096, image.WastedBytes);
        _session.Run("Optimize-SifImage a.sif");
        Assert.Equal(0, Image("Get-SifImage a.sif").WastedBytes);
    }

    [Fact]
    public void Who_uses_it_is_named()
    {
        using var user = Native.Open.File(_directory["a.sif"], Native.Open.ReadWrite);
        Assert.True(RangeLock.Acquire(user, "a.sif", exclusive: true, 36864, 4096));
        var found = Assert.Single(Image("Get-SifImage a.sif").Users);
        Assert.Equal(Environment.ProcessId, found.ProcessId);
        Assert.Equal(ImageAccess.Write, found.Access);
        Native.FileLock.Release(user, 0, 0);
    }

    [Fact]
    public void A_damaged_image_says_why_it_cannot_be_changed()
    {
        var bytes = File.ReadAllBytes(_directory["a.sif"]);
        bytes[4096 + 25 + 7] = 0x80;
        File.WriteAllBytes(_directory["a.sif"], bytes);
        var image = Image("Get-SifImage a.sif");
        Assert.Contains("Size (offset 4121)", image.Fault, StringComparison.Ordinal);
        Assert.Equal(0, image.WastedBytes);
    }

    [Fact]
    public void Images_pipe_on_and_a_bad_one_does_not_stop_the_others()
    {
        var found = _session.Run("'a.sif', 'text', 'signed.sif' | Get-SifImage | Get-SifDescriptor");
        Assert.Equal(4, found.Count);
        ErrorAssert.Single(_session, ErrorIds.SifBadMagic, ErrorCategory.InvalidData);
        Assert.Equal(2, _session.Run("Get-SifImage *.sif").Count);
    }

    private SifImageInfo Image(string command)
    {
        var emitted = Assert.IsType<SifImageInfo>(Assert.Single(_session.Run(command)).BaseObject);
        Assert.Empty(_session.Errors);
        return emitted;
    }
}
