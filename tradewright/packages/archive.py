"""The bytes of a package: a digest, then a zstd frame that holds a tar of a few plain files.

The file begins with a skippable frame of the Zstandard format (RFC 8878, section 3.1.2) whose content is the SHA-256 of
all bytes behind it; ``zstd -d`` and ``tar --zstd`` skip it. Everything is bounded before it is done: the file by its
size, the unpacked tar by the size that the frame names, the tar by its number of members. The members are read without
being written, and the tar must be byte for byte the one that :func:`pack` makes of them, which leaves no room for
links, devices, paths, paddings and headers that carry anything else.
"""

from __future__ import annotations

import hashlib
import io
import struct
import tarfile
from collections.abc import Mapping

import zstandard

from tradewright.packages.fault import PackageFault, refusal

MOST_BYTES = 4 * 1024 * 1024
"""Of a package file."""
MOST_UNPACKED = 8 * 1024 * 1024
"""Of the tar inside of it."""
MOST_NAME = 64
LEVELS = range(1, 20)
"""Levels of compression; higher ones need more memory to unpack than a package may ask for."""
_SKIPPABLE = struct.pack("<II", 0x184D2A50, 32)
_HEAD = len(_SKIPPABLE) + 32
_BLOCK = tarfile.BLOCKSIZE
_MODE = 0o600


def pack(members: Mapping[str, bytes], level: int = 19) -> bytes:
    """The bytes of a package with these members, in their order; the same for the same members, level and library.

    Args:
        level: of the compression, one of :data:`LEVELS`; the content is the same under each.

    Raises:
        PackageRefused: when the package would be too large to be read again.
    """
    plain = _tar(members)
    if len(plain) > MOST_UNPACKED:
        raise refusal(PackageFault.UNPACKS_TOO_LARGE, f"{len(plain)} bytes unpacked, at most {MOST_UNPACKED}")
    packer = zstandard.ZstdCompressor(level=level, write_checksum=True, write_content_size=True)
    frame = packer.compress(plain)
    made = _SKIPPABLE + hashlib.sha256(frame).digest() + frame
    if len(made) > MOST_BYTES:
        raise refusal(PackageFault.TOO_LARGE, f"{len(made)} bytes, at most {MOST_BYTES}")
    return made


def unpack(data: bytes, sizes: Mapping[str, int]) -> dict[str, bytes]:
    """The members of a package, in their order.

    Args:
        data: the whole file.
        sizes: the most bytes of each member by its name; a member of another name is refused.

    Raises:
        PackageRefused: naming the member and the rule.
    """
    plain = _unpacked(data)
    members = _members(plain, sizes)
    if _tar(members) != plain:
        what = "the tar is not the one that its files make: a header, a padding or an end holds something else"
        raise refusal(PackageFault.NOT_CANONICAL, what)
    return members


def _unpacked(data: bytes) -> bytes:
    if len(data) > MOST_BYTES:
        raise refusal(PackageFault.TOO_LARGE, f"{len(data)} bytes, at most {MOST_BYTES}")
    if len(data) < _HEAD or not data.startswith(_SKIPPABLE):
        raise refusal(PackageFault.NO_PACKAGE, "it does not begin as a package does")
    frame = data[_HEAD:]
    if hashlib.sha256(frame).digest() != data[len(_SKIPPABLE) : _HEAD]:
        raise refusal(PackageFault.DAMAGED, "its bytes are not those that its digest names")
    try:
        told = zstandard.get_frame_parameters(frame)
        size = told.content_size
        if size in (zstandard.CONTENTSIZE_UNKNOWN, zstandard.CONTENTSIZE_ERROR) or told.dict_id:
            raise refusal(PackageFault.BAD_STREAM, "the frame does not name its size, or needs a dictionary")
        if size > MOST_UNPACKED:
            what = f"it says that it unpacks to {size} bytes, at most {MOST_UNPACKED}"
            raise refusal(PackageFault.UNPACKS_TOO_LARGE, what)
        if not told.has_checksum:
            raise refusal(PackageFault.BAD_STREAM, "the frame has no checksum")
        return zstandard.ZstdDecompressor().decompress(frame, allow_extra_data=False)  # no more than the named size
    except zstandard.ZstdError as error:
        behind = "unused data" in str(error)
        what = "something stands behind the zstd frame" if behind else f"it is no whole zstd frame ({error})"
        raise refusal(PackageFault.TRAILING_BYTES if behind else PackageFault.BAD_STREAM, what) from error


def _members(plain: bytes, sizes: Mapping[str, int]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    at = 0
    while plain[at : at + _BLOCK] != bytes(_BLOCK):
        if len(found) == len(sizes):
            raise refusal(PackageFault.TOO_MANY_FILES, f"more than {len(sizes)} files")
        header = _header(plain[at : at + _BLOCK], len(found) + 1)
        name = _admitted(header, sizes)
        if name in found:
            raise refusal(PackageFault.DUPLICATE_NAME, "the archive holds it twice", name)
        start = at + _BLOCK
        content = plain[start : start + header.size]
        if len(content) != header.size:
            raise refusal(PackageFault.BAD_ARCHIVE, "the archive ends inside of it", name)
        found[name] = content
        at = start + -(-header.size // _BLOCK) * _BLOCK
    if any(plain[at:]):
        raise refusal(PackageFault.TRAILING_BYTES, "something stands behind the end of the archive")
    return found


def _header(block: bytes, number: int) -> tarfile.TarInfo:
    try:
        return tarfile.TarInfo.frombuf(block, "utf-8", "strict")
    except (tarfile.TarError, ValueError) as error:
        what = f"the header of file {number} is broken ({error})"
        raise refusal(PackageFault.BAD_ARCHIVE, what) from error


def _admitted(header: tarfile.TarInfo, sizes: Mapping[str, int]) -> str:
    """The name of a member that is a plain file of an admitted name and size."""
    shown = ascii(header.name[:MOST_NAME])
    if header.type != tarfile.REGTYPE or header.linkname:
        raise refusal(PackageFault.NOT_A_PLAIN_FILE, f"it is {_kind(header)}, only plain files are read", shown)
    if header.name not in sizes:
        what = "a package has no such file: no folders, no absolute paths, no code, no pickles"
        raise refusal(PackageFault.BAD_NAME, f"{what}; known are {', '.join(sizes)}", shown)
    if not 0 <= header.size <= sizes[header.name]:
        what = f"it says that it has {header.size} bytes, at most {sizes[header.name]}"
        raise refusal(PackageFault.FILE_TOO_LARGE, what, header.name)
    return header.name


def _kind(header: tarfile.TarInfo) -> str:
    kinds = {
        tarfile.LNKTYPE: "a hard link", tarfile.SYMTYPE: "a symbolic link", tarfile.CHRTYPE: "a device",
        tarfile.BLKTYPE: "a device", tarfile.DIRTYPE: "a folder", tarfile.FIFOTYPE: "a pipe",
    }  # fmt: skip
    return kinds.get(header.type, f"of the tar type {header.type!r}")


def _tar(members: Mapping[str, bytes]) -> bytes:
    """A tar of the format ustar without anything of the machine on which it is made."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in members.items():
            row = tarfile.TarInfo(name)
            row.size, row.mode = len(content), _MODE
            archive.addfile(row, io.BytesIO(content))
    return made.getvalue()
