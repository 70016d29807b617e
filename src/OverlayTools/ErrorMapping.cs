using System.Management.Automation;
using OverlayTools.Native;

namespace OverlayTools;

/// <summary>Turns a failure of the engine into PowerShell's error record: id, category, target, what to do next.</summary>
internal static class ErrorMapping
{
    // Categories of the ids in ErrorIds; one that is absent is a plain failure of the operating system.
    private static readonly Dictionary<string, ErrorCategory> s_categories = new(StringComparer.Ordinal)
    {
        [ErrorIds.OverlayFileNotFound] = ErrorCategory.ObjectNotFound,
        [ErrorIds.OverlayAlreadyExists] = ErrorCategory.ResourceExists,
        [ErrorIds.OverlayNotExt3] = ErrorCategory.InvalidData,
        [ErrorIds.OverlayFeatureUnsupported] = ErrorCategory.InvalidData,
        [ErrorIds.OverlayMissingUpper] = ErrorCategory.InvalidData,
        [ErrorIds.OverlayInUse] = ErrorCategory.ResourceBusy,
        [ErrorIds.OverlayHasOtherNames] = ErrorCategory.InvalidOperation,
        [ErrorIds.OverlayDirtyJournal] = ErrorCategory.InvalidOperation,
        [ErrorIds.OverlayCorrupt] = ErrorCategory.InvalidData,
        [ErrorIds.OverlaySizeTooSmall] = ErrorCategory.LimitsExceeded,
        [ErrorIds.OverlaySizeTooLarge] = ErrorCategory.LimitsExceeded,
        [ErrorIds.OverlayBelowMinimumSize] = ErrorCategory.LimitsExceeded,
        [ErrorIds.OverlayFull] = ErrorCategory.LimitsExceeded,
        [ErrorIds.OverlayOwnerMismatch] = ErrorCategory.PermissionDenied,
        [ErrorIds.OverlayNotWritable] = ErrorCategory.PermissionDenied,
        [ErrorIds.TooManyWritableOverlays] = ErrorCategory.InvalidArgument,
        [ErrorIds.OptionConflict] = ErrorCategory.InvalidArgument,
        [ErrorIds.OverlayLabelInvalid] = ErrorCategory.InvalidArgument,
        [ErrorIds.InvalidDirectoryName] = ErrorCategory.InvalidArgument,
        [ErrorIds.OverlayWrongFileType] = ErrorCategory.InvalidArgument,
        [ErrorIds.OverlayDirectoryNotEmpty] = ErrorCategory.InvalidOperation,
        [ErrorIds.OverlayMoveIntoItself] = ErrorCategory.InvalidArgument,
        [ErrorIds.OverlayTooManyLinks] = ErrorCategory.LimitsExceeded,
        [ErrorIds.OverlayItemNotFound] = ErrorCategory.ObjectNotFound,
        [ErrorIds.OverlayAttributeNotFound] = ErrorCategory.ObjectNotFound,
        [ErrorIds.OverlayChangeTooLarge] = ErrorCategory.LimitsExceeded,
        [ErrorIds.SquashfsCorrupt] = ErrorCategory.InvalidData,
        [ErrorIds.SquashfsUnsupported] = ErrorCategory.InvalidData,
        [ErrorIds.SifBadMagic] = ErrorCategory.InvalidData,
        [ErrorIds.SifCorrupt] = ErrorCategory.InvalidData,
        [ErrorIds.SifVersionUnsupported] = ErrorCategory.InvalidData,
        [ErrorIds.SifSigned] = ErrorCategory.SecurityError,
        [ErrorIds.SifEncrypted] = ErrorCategory.SecurityError,
        [ErrorIds.SifNoFreeDescriptor] = ErrorCategory.LimitsExceeded,
        [ErrorIds.SifDescriptorNotFound] = ErrorCategory.ObjectNotFound,
        [ErrorIds.SifNoPrimaryPartition] = ErrorCategory.InvalidData,
        [ErrorIds.SifPrimaryPartitionExists] = ErrorCategory.ResourceExists,
        [ErrorIds.SifPrimaryPartitionProtected] = ErrorCategory.PermissionDenied,
        [ErrorIds.SifOverlayExists] = ErrorCategory.ResourceExists,
        [ErrorIds.SifTooManyObjects] = ErrorCategory.LimitsExceeded,
        [ErrorIds.SifInvalidValue] = ErrorCategory.InvalidArgument,
        [ErrorIds.KeyInvalid] = ErrorCategory.InvalidData,
        [ErrorIds.KeyPassphraseRequired] = ErrorCategory.AuthenticationError,
        [ErrorIds.KeyPassphraseWrong] = ErrorCategory.AuthenticationError,
        [ErrorIds.CertificateNotTrusted] = ErrorCategory.SecurityError,
        [ErrorIds.ImageNotRecognized] = ErrorCategory.InvalidData,
        [ErrorIds.ArchitectureMismatch] = ErrorCategory.InvalidData,
        [ErrorIds.RuntimeNotFound] = ErrorCategory.NotInstalled,
        [ErrorIds.HelperFailed] = ErrorCategory.FromStdErr,
        [ErrorIds.NamespaceUnavailable] = ErrorCategory.PermissionDenied,
        [ErrorIds.ContainerStartFailed] = ErrorCategory.OpenError,
        [ErrorIds.ContainerOptionInvalid] = ErrorCategory.InvalidArgument,
        [ErrorIds.ContainerCommandNotFound] = ErrorCategory.ObjectNotFound,
        [ErrorIds.EngineOptionUnsupported] = ErrorCategory.NotImplemented,
        [ErrorIds.ContainerImagePull] = ErrorCategory.NotInstalled,
        [ErrorIds.ContainerCommandFailed] = ErrorCategory.FromStdErr,
        [ErrorIds.ContainerTimeout] = ErrorCategory.OperationTimeout,
        [ErrorIds.InstanceNotFound] = ErrorCategory.ObjectNotFound,
        [ErrorIds.InstanceExists] = ErrorCategory.ResourceExists,
        [ErrorIds.InstanceNameInvalid] = ErrorCategory.InvalidArgument,
        [ErrorIds.TarCorrupt] = ErrorCategory.InvalidData,
        [ErrorIds.TarMemberRefused] = ErrorCategory.SecurityError,
        [ErrorIds.TarUnsupported] = ErrorCategory.InvalidData,
        [ErrorIds.CheckpointNotFound] = ErrorCategory.ObjectNotFound,
        [ErrorIds.CheckpointNameInvalid] = ErrorCategory.InvalidArgument,
        [ErrorIds.HolesUnsupported] = ErrorCategory.NotImplemented,
        [ErrorIds.DiskFull] = ErrorCategory.ResourceUnavailable,
        [ErrorIds.AccessDenied] = ErrorCategory.PermissionDenied,
        [ErrorIds.PathNotFileSystem] = ErrorCategory.InvalidArgument,
        [ErrorIds.IOFailed] = ErrorCategory.ReadError,
    };

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
        var category = s_categories.GetValueOrDefault(id, ErrorCategory.NotSpecified);
        var record = new ErrorRecord(error, id, category, (error as EngineException)?.Target ?? target);
        record.ErrorDetails = new ErrorDetails(error.Message) { RecommendedAction = action ?? $"The table in docs/errors.md says what to do about {id}." };
        return record;
    }

    private static (string Id, string? Action) Identify(Exception error) => error switch
    {
        EngineException engine => (engine.ErrorId, engine.RecommendedAction),
        LinuxException linux => IdentifyErrno(linux.ErrorNumber),
        FileNotFoundException or DirectoryNotFoundException => (ErrorIds.OverlayFileNotFound, "Check the path."),
        UnauthorizedAccessException => IdentifyErrno(Errno.EACCES),
        // On Unix, the runtime leaves the error number in HResult.
        IOException io => IdentifyErrno(io.HResult),
        _ when IsOfPath(error) => (ErrorIds.OverlayFileNotFound, "Check the path."),
        _ => (ErrorIds.IOFailed, null),
    };

    private static (string Id, string? Action) IdentifyErrno(int errno) => errno switch
    {
        Errno.ENOENT or Errno.ENOTDIR => (ErrorIds.OverlayFileNotFound, "Check the path."),
        Errno.ENOSPC => (ErrorIds.DiskFull, "Free space on that disk, or choose another place; what was there is not lost."),
        Errno.EDQUOT => (ErrorIds.DiskFull, "Your quota on that file system is used up: remove files, or choose another place. What was there is not lost."),
        Errno.EFBIG => (ErrorIds.OverlaySizeTooLarge, "The file system there does not hold files of this size."),
        Errno.EACCES or Errno.EPERM => (ErrorIds.AccessDenied, "Check the owner and permissions of the file and its directory."),
        Errno.EROFS => (ErrorIds.OverlayNotWritable, "The file system there is mounted read-only."),
        _ => (ErrorIds.IOFailed, "The message is the operating system's: check the path, and that the disk is sound."),
    };
}
