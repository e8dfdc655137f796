"""One writer for each file: a lock that the system gives back when its process ends, however it ends."""

import sys
from typing import IO

if sys.platform == "win32":
    import msvcrt

    _FAR = 1 << 40  # a byte that no reader wants

    def lock(file: IO[bytes]) -> None:
        """Lock an open file for this process, at once or not at all.

        Raises
        ------
        OSError
            If another has the lock.
        """
        place = file.tell()
        file.seek(_FAR)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        file.seek(place)

else:
    import fcntl

    def lock(file: IO[bytes]) -> None:
        """Lock an open file for its opener, at once or not at all.

        Raises
        ------
        OSError
            If another has the lock.
        """
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
