"""Files that another file names: only those of its own folder are opened, or of that of its address."""

from __future__ import annotations

import os
import stat

from dense_cli.addresses import address_beside, is_address
from dense_cli.errors import FileFormatError


def beside(file: str, name: str, where: str) -> str:
    """Return the path of a regular file in the folder of ``file``, links having been followed.

    A link may lead to the folder in which ``file`` itself really lies: caches of downloads are laid out so.

    Args:
        file: the path of the file that names another.
        name: what it calls the other, relative to its folder.
        where: what messages begin with.

    Raises:
        FileFormatError: it is outside of the folder, is not there, or is no regular file.
    """
    named = f"{where} in {name[:200]!r}"
    if is_address(file):
        address = address_beside(file, name)
        if address is None:
            raise FileFormatError(f"{named}: expected a file inside the model's folder")
        return address
    folder = os.path.realpath(os.path.dirname(file) or ".")
    path = os.path.realpath(os.path.join(folder, name)) if "\0" not in name else ""
    outside = os.path.isabs(name) or ".." in name.replace("\\", "/").split("/")
    folders = (folder, os.path.dirname(os.path.realpath(file)))
    if not name or outside or not any(path.startswith(each.rstrip(os.sep) + os.sep) for each in folders):
        raise FileFormatError(f"{named}: expected a file inside the model's folder")
    try:
        regular = stat.S_ISREG(os.stat(path).st_mode)
    except OSError as error:
        raise FileFormatError(f"{named}: {error.strerror}") from None
    if not regular:
        raise FileFormatError(f"{named}: not a regular file")
    return path
