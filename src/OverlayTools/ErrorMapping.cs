using System.Management.Automation;
using OverlayTools.Native;

namespace OverlayTools;

/// <summary>Turns a failure of the engine into PowerShell's error record: id, category, target, what to do next.</summary>
internal static class ErrorMapping
{
    /// <summary>Whether the exception is one that the engine, or the operating system beneath it, reports on purpose.</summary>
    public static bool Understands(Exception error) =>
        error is EngineException or IOException or UnauthorizedAccessException || IsOfPath(error);

    // The runtime's own check, before any system call: a NUL.
    private static bool IsOfPath(Exception error) => error is ArgumentException { ParamName: "path" };

    /// <summary>The error record for a failure.</summary>
    /// <param name="error">An exception that <see cref="Understands"/>.</param>
    /// <param name="target">The path that was worked on, when the exception names none.</param>
    public static ErrorRecord ToErrorRecord(Exception error, object? target)
    {
        var (id, action) = Identify(error);
        var (category, whatToDo) = ErrorKinds.Of(id);
        action ??= whatToDo;
        // Whatever failed below: what a user sees of the record, with all of it shown, is the message and not where in the program it was.
        var failure = error as EngineException ?? new EngineException(id, error.Message, action, target, error);
        return new ErrorRecord(failure, id, category, failure.Target ?? target)
        {
            ErrorDetails = new ErrorDetails(Message(failure, category, target)) { RecommendedAction = action },
        };
    }

    // What reads a file system or an archive does not know the name of its file; who gave several has to be told.
    private static string Message(EngineException failure, ErrorCategory category, object? target) =>
        failure.Target is null && category == ErrorCategory.InvalidData && target is string path
            && !failure.Message.Contains(path, StringComparison.Ordinal)
            ? $"'{path}': {failure.Message}"
            : failure.Message;

    private static (string Id, string? Action) Identify(Exception error) => error switch
    {
        EngineException engine => (engine.ErrorId, engine.RecommendedAction),
        LinuxException linux => IdentifyErrno(linux.ErrorNumber),
        FileNotFoundException or DirectoryNotFoundException => (ErrorIds.OverlayFileNotFound, null),
        UnauthorizedAccessException => IdentifyErrno(Errno.EACCES),
        // On Unix, the runtime leaves the error number in HResult.
        IOException io => IdentifyErrno(io.HResult),
        _ when IsOfPath(error) => (ErrorIds.OverlayFileNotFound, null),
        _ => (ErrorIds.IOFailed, null),
    };

    private static (string Id, string? Action) IdentifyErrno(int errno) => errno switch
    {
        Errno.ENOENT or Errno.ENOTDIR => (ErrorIds.OverlayFileNotFound, null),
        Errno.ENOSPC => (ErrorIds.DiskFull, null),
        Errno.EDQUOT => (ErrorIds.DiskFull, "Your quota on that file system is used up: remove files, or choose another place. What was there is not lost."),
        Errno.EFBIG => (ErrorIds.OverlaySizeTooLarge, "The file system there does not hold files of this size."),
        Errno.EACCES or Errno.EPERM => (ErrorIds.AccessDenied, null),
        Errno.EROFS => (ErrorIds.OverlayNotWritable, "The file system there is mounted read-only."),
        _ => (ErrorIds.IOFailed, null),
    };
}
