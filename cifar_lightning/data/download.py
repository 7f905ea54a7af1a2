"""One file from the first of several addresses that gives it: resumed, checked, moved into place when whole."""

import errno
import http.client
import os
import shutil
import ssl
import urllib.error
import urllib.request
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path

from torchvision.datasets.utils import check_integrity
from tqdm import tqdm

from cifar_lightning.runs.disk import naming

TIMEOUT_SECONDS = 30
_CHUNK_BYTES = 1 << 20
_TRANSFER_ERRORS = (
    urllib.error.URLError,
    http.client.HTTPException,
    TimeoutError,
    ConnectionError,
    ssl.SSLError,
    ValueError,  # an address that is none
)


def download(urls: Sequence[str], path: Path, md5: str) -> None:
    """Brings the file with checksum `md5` to `path` from the first of `urls` that gives it.

    What arrives is kept beside `path` under a name of its own until it is whole, so that a later call, or the next
    mirror, goes on where this one stopped.

    Raises:
        OSError: if no address gives the file.
    """
    partial = path.with_name(path.name + ".partial")
    failures = []
    for url in urls:
        # What an earlier call left may be of another file: then the whole file is fetched once from the same address.
        for _ in range(2 if partial.exists() else 1):
            try:
                _fetch_rest(url, partial)
            except _TRANSFER_ERRORS as error:
                failures.append(f"{url}: {getattr(error, 'reason', None) or error}")
                break
            if check_integrity(str(partial), md5):
                os.replace(partial, path)
                return
            partial.unlink()
            failures.append(f"{url}: its md5 is not {md5}")
    raise ConnectionError(
        f"could not download {path.name} ({'; '.join(failures) or 'no mirror is configured'});"
        f" try again to go on where it stopped, or put the file at {path} by hand"
    )


def _fetch_rest(url: str, partial: Path) -> None:
    size = partial.stat().st_size if partial.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={size}-"} if size else {})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:  # nothing is left to fetch
            return
        raise
    with response:
        resumed = response.status == HTTPStatus.PARTIAL_CONTENT
        expected = int(response.headers.get("Content-Length", 0)) + (size if resumed else 0)
        free = shutil.disk_usage(partial.parent).free
        if expected > free + size:
            raise OSError(errno.ENOSPC, f"{expected:,} bytes are to come and {free:,} are free", str(partial))
        with (
            partial.open("ab" if resumed else "wb") as file,
            tqdm(
                total=expected or None, initial=size if resumed else 0, unit="B", unit_scale=True, disable=None
            ) as bar,
        ):
            bar.set_description(partial.stem)
            while chunk := response.read(_CHUNK_BYTES):
                with naming(partial):
                    file.write(chunk)
                    file.flush()
                bar.update(len(chunk))
        if expected and partial.stat().st_size < expected:
            raise ConnectionError(f"the connection ended after {partial.stat().st_size:,} of {expected:,} bytes")
