//! Names that both ends of a message spell: who provides a source, and who pays for reading it.

/// The provider of everything on a GitHub host.
pub const GITHUB: &str = "github";

/// Who pays for reading plain URLs: nobody, but their jobs need a name in the subject.
pub const URL_INSTALLATION: &str = "url";

/// The same for files of the local file system.
pub const LOCAL_INSTALLATION: &str = "local";
