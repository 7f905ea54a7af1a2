"""Downloads from a server on this machine."""

import hashlib
import re

import pytest
from local_server import CONTENT, serve

from cifar_lightning.data import cifar100
from cifar_lightning.data.cifar100 import Cifar100
from cifar_lightning.data.download import download

MD5 = hashlib.md5(CONTENT).hexdigest()
DEAD = "http://127.0.0.1:9/archive"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file"


@pytest.fixture
def partial(tmp_path):
    return tmp_path / "file.partial"


def test_a_file_is_brought_whole(path, partial):
    with serve() as server:
        download([server.url], path, MD5)
    assert path.read_bytes() == CONTENT
    assert not partial.exists()


def test_a_partial_file_is_resumed(path, partial):
    partial.write_bytes(CONTENT[:1000])
    with serve() as server:
        download([server.url], path, MD5)
        assert server.asked == ["bytes=1000-"]
    assert path.read_bytes() == CONTENT


def test_a_server_without_ranges_starts_over(path, partial):
    partial.write_bytes(b"x" * 1000)
    with serve(ranges=False) as server:
        download([server.url], path, MD5)
    assert path.read_bytes() == CONTENT


def test_a_partial_file_of_something_else_is_fetched_anew(path, partial):
    partial.write_bytes(b"x" * 1000)
    with serve() as server:
        download([server.url], path, MD5)
        assert server.asked == ["bytes=1000-", None]
    assert path.read_bytes() == CONTENT


def test_a_partial_file_that_is_whole_is_only_checked(path, partial):
    partial.write_bytes(CONTENT)
    with serve() as server:
        download([server.url], path, MD5)
        assert server.asked == [f"bytes={len(CONTENT)}-"]
    assert path.read_bytes() == CONTENT


def test_a_cut_connection_keeps_what_came_for_the_next_call(path, partial):
    with serve(cut=3000) as server:
        with pytest.raises(ConnectionError, match=r"the connection ended after 3,000 of 10,240 bytes.*try again"):
            download([server.url], path, MD5)
        assert partial.read_bytes() == CONTENT[:3000]
        assert not path.exists()
        server.cut = None
        download([server.url], path, MD5)
        assert server.asked == [None, "bytes=3000-"]
    assert path.read_bytes() == CONTENT


def test_the_next_mirror_resumes_where_the_first_one_stopped(path):
    with serve(cut=3000) as first, serve() as second:
        download([first.url, second.url], path, MD5)
        assert second.asked == ["bytes=3000-"]
    assert path.read_bytes() == CONTENT


def test_another_checksum_is_refused_and_not_kept(path, partial):
    with serve(content=b"something else") as server, pytest.raises(ConnectionError, match=f"its md5 is not {MD5}"):
        download([server.url], path, MD5)
    assert not path.exists()
    assert not partial.exists()


def test_a_mirror_with_another_file_is_passed_over(path):
    with serve(content=b"something else") as first, serve() as second:
        download([first.url, second.url], path, MD5)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("dead", [DEAD, "not an address", "http://127.0.0.1:nine/"])
def test_a_dead_mirror_is_passed_over(path, dead):
    with serve() as server:
        download([dead, server.url], path, MD5)
    assert path.read_bytes() == CONTENT


def test_a_mirror_that_answers_with_an_error_is_passed_over(path):
    with serve(status=503) as first, serve() as second:
        download([first.url, second.url], path, MD5)
        assert len(first.asked) == 1
    assert path.read_bytes() == CONTENT


def test_the_error_tells_of_every_mirror(path):
    with serve(status=404) as server, pytest.raises(ConnectionError) as caught:
        download([DEAD, server.url], path, MD5)
    message = str(caught.value)
    assert re.search(rf"could not download file \({DEAD}: .*refused; {server.url}: .*\); try again", message)
    assert str(path) in message


def test_cifar100_is_downloaded_extracted_and_read(small_cifar, tmp_path, monkeypatch):
    archive = small_cifar.archive()
    monkeypatch.setattr(cifar100, "ARCHIVE_MD5", hashlib.md5(archive).hexdigest())
    with serve(content=archive) as server:
        source = Cifar100(str(tmp_path / "new/root"), mirrors=[DEAD, server.url])
        source.prepare()
        source.prepare()
        assert server.asked == [None]
    assert source.load("test").labels.tolist() == small_cifar.labels["test"]
