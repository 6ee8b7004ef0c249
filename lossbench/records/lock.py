"""One process at a time works in a run's folder; the operating system frees the lock of a dead process."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def locked(folder: Path, *, wait: bool = False) -> Iterator[bool]:
    """Hold a folder, and remove the incomplete files that a killed holder left.

    Args:
        folder: the folder of a run; it is created if it does not exist.
        wait: whether to wait until another holder has finished or died.

    Yields:
        Whether the folder is held; False if another process holds it and ``wait`` is false.
    """
    from filelock import FileLock, Timeout  # imports asyncio, for which a wrong config need not wait

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / ".lock"
    lock = FileLock(path)
    try:
        lock.acquire(timeout=-1 if wait else 0)
    except Timeout:
        yield False
        return
    try:
        for incomplete in folder.glob("*.tmp"):
            incomplete.unlink(missing_ok=True)
        yield True
    finally:
        with suppress(OSError):
            path.unlink()  # while it is held, so that no other process holds it in between
        lock.release()
