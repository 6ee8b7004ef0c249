"""A run's folder belongs to one process at a time: a lock that the kernel takes back when its holder dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lossbench.errors import UserError


class HeldError(UserError):
    """Another process is at work in this folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"{folder}: another process is at work on this run")


@contextmanager
def claim(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold a folder, which is made if need be, and clear away what a killed holder left half-written.

    Args:
        folder: of a run.
        wait: until its holder is done or dead; else a held folder is an error.

    Raises:
        HeldError: it is held, and nobody waits.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / ".lock"
    descriptor = _locked(path, wait)
    try:
        for torn in folder.glob("*.tmp"):
            torn.unlink(missing_ok=True)
        yield
    finally:
        with suppress(OSError):
            path.unlink()  # while it is held, so that nobody comes between
        os.close(descriptor)


def _locked(path: Path, wait: bool) -> int:
    """The descriptor of the lock file that lies there: one just removed by its holder locks nothing."""
    while True:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise HeldError(path.parent) from error
        except BaseException:
            os.close(descriptor)
            raise
        with suppress(FileNotFoundError):
            if os.fstat(descriptor).st_ino == path.stat().st_ino:
                return descriptor
        os.close(descriptor)
