"""A bundle's zip file, which is written in one way only, so that any change to it shows.

Files are stored uncompressed. So the same files give the same bytes with every version of zlib, and no bundle
grows when it is read. Names have one plain form, and none can lead out of a folder.
"""

from __future__ import annotations

import errno
import re
import shutil
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

NAME: Final = re.compile(r"(?:[a-z]{1,20}/)?[A-Za-z0-9][A-Za-z0-9._-]{0,119}")
LARGEST: Final = 2 * 1024**3 - 1  # B of a bundle; beyond it zip files have another form
MOST: Final = 20_000  # files; a week's run has some hundreds
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip file can say
_CHUNK: Final = 1 << 20
# What zipfile raises for files that are cut off, encrypted, packed in unknown ways, or no zip files at all.
_BROKEN: Final = (
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
    EOFError,
    OverflowError,
    struct.error,
)
# A place before the file's begin; a file and a folder of the same name.
_NOWHERE: Final = {errno.EINVAL, errno.EEXIST, errno.ENOTDIR, errno.EISDIR}


def names(folder: Path) -> list[str]:
    """All files below a folder, in the order in which they are packed."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def pack(folder: Path, file: IO[bytes]) -> None:
    """Writes all files below a folder."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as bundle:
        for name in names(folder):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system = 3  # Unix, also where it is written elsewhere
            entry.external_attr = 0o100644 << 16
            entry.file_size = (folder / name).stat().st_size
            with (folder / name).open("rb") as source, bundle.open(entry, "w") as target:
                shutil.copyfileobj(source, target, _CHUNK)


def unpack(bundle: Path, folder: Path) -> None:
    """Takes a bundle apart into an empty folder.

    Raises:
        ValueError: it is not as ``pack`` writes it; and what of it.
        OSError: it cannot be read, or the folder not written.
    """
    if bundle.stat().st_size > LARGEST:
        raise ValueError(f"it is larger than {LARGEST >> 20} MiB")
    try:
        with zipfile.ZipFile(bundle) as found:
            for entry in _entries(found, bundle.stat().st_size):
                path = folder / entry.filename
                path.parent.mkdir(exist_ok=True)
                with found.open(entry) as source, path.open("xb") as target:
                    shutil.copyfileobj(source, target, _CHUNK)
    except (*_BROKEN, OSError) as error:
        if isinstance(error, OSError) and error.errno not in _NOWHERE:
            raise
        raise ValueError(f"it is no whole zip file ({error})") from error


def _entries(bundle: zipfile.ZipFile, size: int) -> Iterator[zipfile.ZipInfo]:
    entries = bundle.infolist()
    if len(entries) > MOST:
        raise ValueError(f"it has more than {MOST} files")
    if sum(entry.file_size for entry in entries) > size:
        raise ValueError("its files are larger than itself")
    seen = set()
    for entry in entries:
        name = entry.orig_filename
        if not NAME.fullmatch(name) or name != entry.filename:
            raise ValueError(f"it has a file of the name {name[:200]!r}")
        if name.lower() in seen:  # some systems do not tell a.txt from A.txt
            raise ValueError(f"it has two files of the name {name!r}")
        if entry.compress_type != zipfile.ZIP_STORED or entry.external_attr != 0o100644 << 16:
            raise ValueError(f"its file {name} is packed, or no plain file")
        seen.add(name.lower())
        yield entry


def differs(bundle: Path, other: IO[bytes]) -> int | None:
    """The first byte at which a bundle is not the other one; None: they are the same."""
    place = 0
    with bundle.open("rb") as file:
        while True:
            one, two = file.read(_CHUNK), other.read(_CHUNK)
            if one != two:
                same = (k for k, (a, b) in enumerate(zip(one, two, strict=False)) if a != b)
                return place + next(same, min(len(one), len(two)))
            if not one:
                return None
            place += len(one)
