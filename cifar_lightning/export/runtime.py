"""onnxruntime-web, which runs an ONNX file in the browser: from npm once, then from the user's cache."""

import base64
import hashlib
import os
import re
import tarfile
from pathlib import Path
from typing import NamedTuple

from cifar_lightning.data.download import download

_URL = "https://registry.npmjs.org/onnxruntime-web/-/onnxruntime-web-1.30.0.tgz"
_MD5 = "7677e2cac4b2d0a14154aef901cdab13"
# As npm publishes it.
_SHA512 = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="


class Runtime(NamedTuple):
    """JavaScript for a `<script type="module">`, which sets `globalThis.ort`, and the WebAssembly that it runs."""

    script: str
    wasm: bytes


def runtime_path() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "cifar-lightning" / _URL.rpartition("/")[2]


def load_runtime() -> Runtime:
    """Reads the npm package, which is fetched if it is missing.

    Raises OSError if it cannot be fetched. Raises ValueError if it is not the published one.
    """
    path = runtime_path()
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        download([_URL], path, _MD5)
    if hashlib.sha512(path.read_bytes()).digest() != base64.b64decode(_SHA512):
        raise ValueError(f"expected {path.name} as npm publishes it, but {path} has another checksum; remove that file")
    with tarfile.open(path) as archive:
        script, wasm = (
            archive.extractfile(f"package/dist/{name}").read()  # type: ignore[union-attr]
            for name in ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")
        )
    return Runtime(_as_global(script.decode()), wasm)


def _as_global(script: str) -> str:
    """`script` with its exports as properties of `globalThis.ort`: nothing can be imported from an inline script."""
    exports = re.search(r"export\{([^}]*)\};", script)
    assert exports is not None
    pairs = (pair.split(" as ") for pair in exports[1].split(","))
    properties = ",".join(f"{public}:{local}" for local, public in pairs)
    return f"{script[: exports.start()]}globalThis.ort={{{properties}}};"
