namespace OverlayTools;

/// <summary>The stable words that name what went wrong: one per cause, never translated, never carrying data.</summary>
public static class ErrorIds
{
    /// <summary>The named file or directory does not exist.</summary>
    public const string OverlayFileNotFound = nameof(OverlayFileNotFound);

    /// <summary>The target exists and <c>-Force</c> was not given.</summary>
    public const string OverlayAlreadyExists = nameof(OverlayAlreadyExists);

    /// <summary>The file is not an ext2/ext3 file system.</summary>
    public const string OverlayNotExt3 = nameof(OverlayNotExt3);

    /// <summary>The file system has a feature that the asked-for operation does not support.</summary>
    public const string OverlayFeatureUnsupported = nameof(OverlayFeatureUnsupported);

    /// <summary>The image lacks the directory <c>upper</c> at its root.</summary>
    public const string OverlayMissingUpper = nameof(OverlayMissingUpper);

    /// <summary>Somebody else holds a lock on the image.</summary>
    public const string OverlayInUse = nameof(OverlayInUse);

    /// <summary>The image has further names (hard links), which a new file in its place would not have.</summary>
    public const string OverlayHasOtherNames = nameof(OverlayHasOtherNames);

    /// <summary>The file system was not unmounted cleanly: its journal has to be replayed first.</summary>
    public const string OverlayDirtyJournal = nameof(OverlayDirtyJournal);

    /// <summary>The file system contradicts itself, or recorded an error.</summary>
    public const string OverlayCorrupt = nameof(OverlayCorrupt);

    /// <summary>The size is below the least that an overlay may have.</summary>
    public const string OverlaySizeTooSmall = nameof(OverlaySizeTooSmall);

    /// <summary>The size is above what the format, or this image's reserve, allows.</summary>
    public const string OverlaySizeTooLarge = nameof(OverlaySizeTooLarge);

    /// <summary>The size is below what the content needs.</summary>
    public const string OverlayBelowMinimumSize = nameof(OverlayBelowMinimumSize);

    /// <summary>The content does not fit: blocks or inodes ran out.</summary>
    public const string OverlayFull = nameof(OverlayFull);

    /// <summary>The overlay's <c>upper</c> belongs to somebody the chosen identity cannot write as.</summary>
    public const string OverlayOwnerMismatch = nameof(OverlayOwnerMismatch);

    /// <summary>The file's permissions, or the disk it is on, forbid writing.</summary>
    public const string OverlayNotWritable = nameof(OverlayNotWritable);

    /// <summary>More than one writable overlay was asked for.</summary>
    public const string TooManyWritableOverlays = nameof(TooManyWritableOverlays);

    /// <summary>Two of the chosen options exclude each other.</summary>
    public const string OptionConflict = nameof(OptionConflict);

    /// <summary>A label is longer than the superblock's 16 bytes, or holds a NUL.</summary>
    public const string OverlayLabelInvalid = nameof(OverlayLabelInvalid);

    /// <summary>A directory to create inside the overlay is not an absolute path, or leads outside.</summary>
    public const string InvalidDirectoryName = nameof(InvalidDirectoryName);

    /// <summary>A file is of another kind than the operation needs: a directory, or none.</summary>
    public const string OverlayWrongFileType = nameof(OverlayWrongFileType);

    /// <summary>A directory that is to be removed or replaced has files in it.</summary>
    public const string OverlayDirectoryNotEmpty = nameof(OverlayDirectoryNotEmpty);

    /// <summary>A directory cannot be moved below itself.</summary>
    public const string OverlayMoveIntoItself = nameof(OverlayMoveIntoItself);

    /// <summary>A file has as many names, or a directory as many subdirectories, as the format counts.</summary>
    public const string OverlayTooManyLinks = nameof(OverlayTooManyLinks);

    /// <summary>There is no such file in the overlay.</summary>
    public const string OverlayItemNotFound = nameof(OverlayItemNotFound);

    /// <summary>The file does not have the extended attribute.</summary>
    public const string OverlayAttributeNotFound = nameof(OverlayAttributeNotFound);

    /// <summary>More changes at once than the image's journal holds.</summary>
    public const string OverlayChangeTooLarge = nameof(OverlayChangeTooLarge);

    /// <summary>The squashfs file system contradicts itself.</summary>
    public const string SquashfsCorrupt = nameof(SquashfsCorrupt);

    /// <summary>The squashfs file system is of a version, or compressed in a way, that is not read.</summary>
    public const string SquashfsUnsupported = nameof(SquashfsUnsupported);

    /// <summary>The file is not a SIF image.</summary>
    public const string SifBadMagic = nameof(SifBadMagic);

    /// <summary>The file is a SIF image that contradicts itself; the message names the field and its offset.</summary>
    public const string SifCorrupt = nameof(SifCorrupt);

    /// <summary>The file is a SIF image of a version that this module does not know.</summary>
    public const string SifVersionUnsupported = nameof(SifVersionUnsupported);

    /// <summary>The SIF image, or the group to change, is signed.</summary>
    public const string SifSigned = nameof(SifSigned);

    /// <summary>The SIF image's root file system is encrypted.</summary>
    public const string SifEncrypted = nameof(SifEncrypted);

    /// <summary>The descriptor table is full.</summary>
    public const string SifNoFreeDescriptor = nameof(SifNoFreeDescriptor);

    /// <summary>No such descriptor.</summary>
    public const string SifDescriptorNotFound = nameof(SifDescriptorNotFound);

    /// <summary>The SIF image has no primary system partition.</summary>
    public const string SifNoPrimaryPartition = nameof(SifNoPrimaryPartition);

    /// <summary>The SIF image already has a primary system partition.</summary>
    public const string SifPrimaryPartitionExists = nameof(SifPrimaryPartitionExists);

    /// <summary>The object is the SIF image's root file system, and <c>-Force</c> was not given.</summary>
    public const string SifPrimaryPartitionProtected = nameof(SifPrimaryPartitionProtected);

    /// <summary>The SIF image already has a writable overlay partition in the primary partition's group.</summary>
    public const string SifOverlayExists = nameof(SifOverlayExists);

    /// <summary>The SIF image has more objects than this module reads.</summary>
    public const string SifTooManyObjects = nameof(SifTooManyObjects);

    /// <summary>A value for a descriptor field is out of its range.</summary>
    public const string SifInvalidValue = nameof(SifInvalidValue);

    /// <summary>The file holds no key that can be used for the purpose.</summary>
    public const string KeyInvalid = nameof(KeyInvalid);

    /// <summary>A private key is encrypted, and no passphrase was given.</summary>
    public const string KeyPassphraseRequired = nameof(KeyPassphraseRequired);

    /// <summary>The passphrase does not open the private key.</summary>
    public const string KeyPassphraseWrong = nameof(KeyPassphraseWrong);

    /// <summary>A certificate leads to no trusted root, is out of date, or is not for signing code.</summary>
    public const string CertificateNotTrusted = nameof(CertificateNotTrusted);

    /// <summary>The format of an image was not recognised.</summary>
    public const string ImageNotRecognized = nameof(ImageNotRecognized);

    /// <summary>The image was made for another processor architecture.</summary>
    public const string ArchitectureMismatch = nameof(ArchitectureMismatch);

    /// <summary>A program that is needed is not installed.</summary>
    public const string RuntimeNotFound = nameof(RuntimeNotFound);

    /// <summary>A program that was started for the job failed.</summary>
    public const string HelperFailed = nameof(HelperFailed);

    /// <summary>The kernel, or its configuration, does not let this user run containers.</summary>
    public const string NamespaceUnavailable = nameof(NamespaceUnavailable);

    /// <summary>The container could not be set up.</summary>
    public const string ContainerStartFailed = nameof(ContainerStartFailed);

    /// <summary>The value of an option for a container has not the form, or the meaning, that it needs.</summary>
    public const string ContainerOptionInvalid = nameof(ContainerOptionInvalid);

    /// <summary>The command does not exist in the container.</summary>
    public const string ContainerCommandNotFound = nameof(ContainerCommandNotFound);

    /// <summary>The command in the container ended with another exit code than 0, and <c>-ErrorOnExit</c> was given.</summary>
    public const string ContainerCommandFailed = nameof(ContainerCommandFailed);

    /// <summary>The command in the container did not end within the time that it had.</summary>
    public const string ContainerTimeout = nameof(ContainerTimeout);

    /// <summary>There is no instance of that name.</summary>
    public const string InstanceNotFound = nameof(InstanceNotFound);

    /// <summary>There is an instance of that name already.</summary>
    public const string InstanceExists = nameof(InstanceExists);

    /// <summary>A text that cannot be the name of an instance.</summary>
    public const string InstanceNameInvalid = nameof(InstanceNameInvalid);

    /// <summary>A tar archive contradicts itself or ends too early; the message names the member.</summary>
    public const string TarCorrupt = nameof(TarCorrupt);

    /// <summary>A member of a tar archive leads outside, or through something that is no directory.</summary>
    public const string TarMemberRefused = nameof(TarMemberRefused);

    /// <summary>A tar archive, or a member of it, is of a form that is not read.</summary>
    public const string TarUnsupported = nameof(TarUnsupported);

    /// <summary>There is no checkpoint of that name.</summary>
    public const string CheckpointNotFound = nameof(CheckpointNotFound);

    /// <summary>The name of a checkpoint has a character that it must not have.</summary>
    public const string CheckpointNameInvalid = nameof(CheckpointNameInvalid);

    /// <summary>The file system that holds the image cannot make holes in a file.</summary>
    public const string HolesUnsupported = nameof(HolesUnsupported);

    /// <summary>The disk is full.</summary>
    public const string DiskFull = nameof(DiskFull);

    /// <summary>The user may not do this to the file.</summary>
    public const string AccessDenied = nameof(AccessDenied);

    /// <summary>The path is not in the file system (for example a registry or environment path).</summary>
    public const string PathNotFileSystem = nameof(PathNotFileSystem);

    /// <summary>Any other failure of the operating system; the message carries its text.</summary>
    public const string IOFailed = nameof(IOFailed);

    /// <summary>The chosen engine has no way to express an option, or a path.</summary>
    public const string EngineOptionUnsupported = nameof(EngineOptionUnsupported);

    /// <summary>The image has to be pulled or converted first, and nothing that does that is installed.</summary>
    public const string ContainerImagePull = nameof(ContainerImagePull);
}
