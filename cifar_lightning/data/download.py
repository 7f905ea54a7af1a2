"""One file from the first of several addresses that gives it: resumed, checked, moved into place when whole."""

import http.client
import os
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
# A ValueError: what is no address.
_TRANSFER_ERRORS = (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError, ValueError)


def download(urls: Sequence[str], path: Path, md5: str) -> None:
    """Brings the file with checksum `md5` to `path` from the first of `urls` that gives it.

    Until it is whole it is beside `path` as `.partial`, where a later call, or the next mirror, resumes. Raises OSError
    if no address gives the file.
    """
    partial = path.with_name(path.name + ".partial")
    failures = []
    for url in urls:
        # What an earlier call left may belong to another file.
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
        f" try again to resume it, or put the file at {path} by hand"
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
        start = size if resumed else 0
        expected = int(response.headers.get("Content-Length", 0)) + start
        total = expected or None
        bar = tqdm(desc=partial.stem, total=total, initial=start, unit="B", unit_scale=True, disable=None)
        with bar, partial.open("ab" if resumed else "wb") as file:
            while chunk := response.read(_CHUNK_BYTES):
                with naming(partial):
                    file.write(chunk)
                    file.flush()
                bar.update(len(chunk))
        if expected and partial.stat().st_size < expected:
            raise ConnectionError(f"the connection ended after {partial.stat().st_size:,} of {expected:,} bytes")
