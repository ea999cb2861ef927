"""Builds and runs the image with buildah, on a base made by debootstrap: no registry of images is needed."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[2]
_RELEASE = "bookworm"
_BASE = f"localhost/optix-gateway-test-python:{_RELEASE}-1"
_PACKAGES = "python3,python3-venv,python3-pip,ca-certificates"
_IMAGE = "localhost/optix-gateway-test"
_CERTIFICATES = Path("/etc/ssl/certs")
# Outside the project and kept: the base takes a minute or two to make.
_KEPT = Path(tempfile.gettempdir()) / "optix-gateway-image-test"


def available() -> bool:
    return os.geteuid() == 0 and all(map(shutil.which, ("buildah", "debootstrap", "unshare", "chroot")))


def _run(arguments: Sequence[str], within_s: float = 600, **environ: str) -> str:
    """Standard output; with standard error in the exception when it fails."""
    ran = subprocess.run(
        arguments,
        env={**os.environ, **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=within_s,
        check=False,
    )
    if ran.returncode:
        raise RuntimeError(
            f"{' '.join(arguments)} ended with {ran.returncode}:\n{ran.stdout[-4000:]}{ran.stderr[-4000:]}"
        )
    return ran.stdout


def buildah(*arguments: str) -> str:
    storage = ("--root", str(_KEPT / "storage"), "--runroot", str(_KEPT / "run"), "--storage-driver", "vfs")
    return _run(("buildah", *storage, *arguments), BUILDAH_ISOLATION="chroot")


@contextmanager
def _alone() -> Iterator[None]:
    _KEPT.mkdir(exist_ok=True)
    with (_KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make_base() -> None:
    """Like the official Python images: `python` is there, and pip may install."""
    if buildah("images", "--quiet", "--filter", f"reference={_BASE}").strip():
        return
    with tempfile.TemporaryDirectory(dir=_KEPT) as name:
        root = Path(name) / "rootfs"
        _run(("debootstrap", "--variant=minbase", f"--include={_PACKAGES}", _RELEASE, str(root)))
        (root / "usr/bin/python").symlink_to("python3")
        for marker in root.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
            marker.unlink()
        (Path(name) / "Dockerfile").write_text("FROM scratch\nCOPY rootfs /\n")
        buildah("build", "--quiet", "--tag", _BASE, name)


def _reach_packages() -> Iterator[str]:
    """How pip on this machine reaches its index holds inside the build too."""
    if _CERTIFICATES.is_dir():
        yield f"--volume={_CERTIFICATES}:{_CERTIFICATES}:ro"
    for name in ("PIP_CERT", "PIP_INDEX_URL"):
        if name in os.environ:
            yield f"--env={name}={os.environ[name]}"


@dataclass(frozen=True, slots=True)
class Container:
    """`root`: where its file system can be seen. `image`: the configuration of its image, as Docker would show it."""

    name: str
    root: Path
    image: Mapping[str, Any]

    def run(self, *command: str) -> str:
        return buildah("run", self.name, "--", *command)

    def read_only(self, data: Path, *command: str, **environ: str) -> list[str]:
        """The command line that runs something in the container as the image says, on a root that cannot be written.
        Only `data`, a folder out here, can.
        """
        user = self.image["config"]["User"]
        variables = dict(entry.split("=", 1) for entry in self.image["config"]["Env"]) | environ
        script = (
            'mount --bind "$1" "$1"; mount -o remount,bind,ro "$1"; mount --bind "$2" "$1/data";'
            ' mount --bind /dev "$1/dev"; root=$1; shift 2; exec chroot --userspec="$USERSPEC" "$root" "$@"'
        )
        entry = ["env", "-i", *(f"{name}={value}" for name, value in variables.items()), *command]
        return [
            "env",
            f"USERSPEC={user}",
            "unshare",
            "--mount",
            "sh",
            "-ec",
            script,
            "-",
            str(self.root),
            str(data),
            *entry,
        ]


@contextmanager
def built_container(**build_args: str) -> Iterator[Container]:
    """RuntimeError with what the build said when it fails."""
    with _alone():
        _make_base()
        given = {"PYTHON_IMAGE": _BASE} | build_args
        arguments = [f"--build-arg={name}={value}" for name, value in given.items()]
        buildah("build", "--quiet", "--format=docker", *arguments, *_reach_packages(), f"--tag={_IMAGE}", str(PROJECT))
        name = buildah("from", _IMAGE).strip()
        try:
            root = Path(buildah("mount", name).strip())
            image = json.loads(buildah("inspect", "--type=image", _IMAGE))["Docker"]
            yield Container(name, root, image)
        finally:
            buildah("rm", name)
            buildah("rmi", "--force", _IMAGE)
