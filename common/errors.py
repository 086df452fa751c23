"""The errors that cross a module boundary, so that whoever decides what to do next decides by type.

PackstatsError
├── SettingsError        configuration is wrong: say which variable, exit 3
├── StartupError         something needed is missing or contradicts the settings: exit 3
├── StorageError         a disk or file did not do as told: exit 70, never try an fsync again
└── LostPlaceError       this process no longer knows where it is: exit 75, a restart finds out
"""

EXIT_DRAINED = 0
EXIT_CRASH = 1
EXIT_CANNOT_START = 3
EXIT_STORAGE = 70
EXIT_LOST_PLACE = 75


class PackstatsError(Exception):
    """Something that packstats itself has to say."""

    exit_code = EXIT_CRASH


class SettingsError(PackstatsError):
    """The configuration is wrong; the text names each variable and what to do about it."""

    exit_code = EXIT_CANNOT_START


class StartupError(PackstatsError):
    """Something needed is missing or contradicts the settings."""

    exit_code = EXIT_CANNOT_START


class StorageError(PackstatsError):
    """A disk or file did not do as told; what is really there is read at the next start."""

    exit_code = EXIT_STORAGE


class LostPlaceError(PackstatsError):
    """This process no longer knows where it is in the log; a restart begins at the stored position."""

    exit_code = EXIT_LOST_PLACE
