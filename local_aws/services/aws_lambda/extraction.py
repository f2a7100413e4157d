"""Unpack function code and layers once per content, into a folder that all environments (and stacks) share.

Stock MiniStack unpacks code and every layer again for each worker: seconds of cold start and hundreds of megabytes
for layers with boto3 and DuckDB. Sharing also keeps the bytecode that the first worker compiled.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import tempfile
import threading
import zipfile
from pathlib import Path

_lock = threading.Lock()
_known: dict[int, tuple[bytes, Path]] = {}


def unpacked(archive: bytes, cache: Path) -> Path:
    """Return the folder with the archive's content, shared and not to be written to; made when missing.

    The key is the content (names, sizes, checksums), not the archive's bytes: a rebuild with new timestamps hits.
    Raises zipfile.BadZipFile.
    """
    with _lock:
        hit = _known.get(id(archive))
        if hit and hit[0] is archive:
            return hit[1]
        with zipfile.ZipFile(io.BytesIO(archive)) as content:
            entries = sorted(
                (item.filename, item.file_size, item.CRC, item.external_attr) for item in content.infolist()
            )
            folder = cache / hashlib.sha256(repr(entries).encode()).hexdigest()[:32]
            if not folder.is_dir():
                _extract(content, folder)
        _known[id(archive)] = (archive, folder)
        return folder


def _extract(content: zipfile.ZipFile, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    half_done = Path(tempfile.mkdtemp(prefix=".unpack-", dir=folder.parent))
    try:
        half_done.chmod(0o755)
        for item in content.infolist():
            path = content.extract(item, half_done)  # refuses to leave the folder
            if (mode := item.external_attr >> 16 & 0o777) and not item.is_dir():
                Path(path).chmod(mode | 0o400)
        half_done.rename(folder)
    except OSError:
        shutil.rmtree(half_done, ignore_errors=True)
        if not folder.is_dir():  # else another process was faster
            raise
