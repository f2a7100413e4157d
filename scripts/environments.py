"""Builds the project's virtual environments, in parallel, from locks with hashes.

Called by `scripts/setup` with the root folder and the names of environments that are not ready. Runs on any Python 3.8
or newer and uses nothing but the standard library, since it is what brings everything else.
"""

import contextlib
import fcntl
import glob
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

WANTED = "3.13"  # the Lambda runtime's version: tests run what ships
PROBE = (
    "import sys, sysconfig, ssl, zlib, ctypes, sqlite3\n"
    "ok = sys.version_info[:2] == (3, 13) and not sysconfig.get_config_var('Py_GIL_DISABLED')\n"
    "try:\n import ensurepip, venv\n full = 1\n"
    "except ImportError:\n full = 0\n"
    "print(sys.executable if ok else '', full)\n"
)


class SetupFailed(Exception):
    """What a person has to do, in one sentence."""


class Workshop:
    """The folder with all environments, and the tools to build them."""

    def __init__(self, root):
        self.root = Path(root)
        self.folder = self.root / ".venvs"
        self.logs = self.folder / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self.children = set()
        self.guard = threading.Lock()
        self.stopping = False

    def path(self, name):
        return self.root / ".venv" if name == "project" else self.folder / name

    def inputs(self, name):
        """The bytes that `scripts/setup` compares with `.ready`."""
        parts = [str(self.root).encode() + b"\n", (self.root / "requirements" / (name + ".txt")).read_bytes()]
        if name == "project":
            parts.append((self.root / "pyproject.toml").read_bytes())
        return b"".join(parts)

    def ready(self, name):
        stamp = self.path(name) / ".ready"
        return (
            os.access(str(self.path(name) / "bin" / "python"), os.X_OK)
            and stamp.exists()
            and stamp.read_bytes() == self.inputs(name)
        )

    @contextlib.contextmanager
    def alone(self, name):
        """One process at a time builds an environment; the others wait and find it ready."""
        with open(str(self.folder / (name + ".lock")), "w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                say(f"  {name}: another make is setting it up, waiting")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def run(self, log, *command, **options):
        """Run a command, its output into the log. Raises CalledProcessError."""
        environment = dict(os.environ, PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INPUT="1", **options)
        for leak in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "PIP_REQUIRE_VIRTUALENV", "PIP_USER", "PIP_TARGET"):
            environment.pop(leak, None)
        with open(str(log), "ab") as output:
            output.write(("$ " + " ".join(map(str, command)) + "\n").encode())
            output.flush()
            with self.guard:
                if self.stopping:
                    raise KeyboardInterrupt
                child = subprocess.Popen(
                    list(map(str, command)),
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=environment,
                    cwd=str(self.root),
                    start_new_session=True,  # so that it can be stopped together with what it starts itself
                )
                self.children.add(child)
            try:
                code = child.wait()
            except BaseException:
                self.end(child)
                raise
            finally:
                self.children.discard(child)
        if code:
            raise subprocess.CalledProcessError(code, list(map(str, command)))

    def stop(self):
        with self.guard:
            self.stopping = True
            for child in list(self.children):
                self.end(child)

    @staticmethod
    def end(child):
        """End a child and everything that it has started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGTERM)


def say(line):
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def probe(python):
    """(path, has venv and ensurepip) if this is a working Python 3.13, else None. A shim may exist and not run."""
    try:
        answer = subprocess.run(
            [str(python), "-I", "-c", PROBE], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    path, _, full = answer.stdout.decode().strip().rpartition(" ")
    return (path, full == "1") if path else None


def candidates(workshop):
    """Where a Python 3.13 may stand, the likeliest first."""
    home = str(Path.home())
    if os.environ.get("PYTHON"):
        yield os.environ["PYTHON"]
    for folder in os.get_exec_path():
        for name in ("python" + WANTED, "python3"):
            if os.access(os.path.join(folder, name), os.X_OK):
                yield os.path.join(folder, name)
    for pattern in (
        os.path.join(os.environ.get("PYENV_ROOT", home + "/.pyenv"), "versions", WANTED + "*", "bin", "python3"),
        home + "/.local/share/uv/python/cpython-" + WANTED + "*/bin/python3",
        home + "/.local/share/mise/installs/python/" + WANTED + "*/bin/python3",
        home + "/.asdf/installs/python/" + WANTED + "*/bin/python3",
        "/opt/homebrew/opt/python@" + WANTED + "/bin/python" + WANTED,
        "/usr/local/opt/python@" + WANTED + "/bin/python" + WANTED,
        "/Library/Frameworks/Python.framework/Versions/" + WANTED + "/bin/python" + WANTED,
        str(workshop.folder / "python" / "*" / "bin" / ("python" + WANTED)),
    ):
        yield from sorted(glob.glob(pattern), reverse=True)


def find_python(workshop):
    """(path, has ensurepip) of the best Python 3.13 on this machine, or None. Complete ones come first."""
    incomplete = None
    seen = set()
    for path in candidates(workshop):
        real = os.path.realpath(path)
        if real in seen:
            continue
        seen.add(real)
        found = probe(path)
        if found and found[1]:
            return found
        incomplete = incomplete or found
    return incomplete


def get_uv(workshop, python):
    """Path of uv, installed from its lock; None where that does not work, since it is an accelerator.

    python: the Python 3.13 that was found, or None, and then uv is also what brings one.
    """
    uv = workshop.path("uv") / "bin" / "uv"
    log = workshop.logs / "uv.log"
    if workshop.ready("uv"):
        return uv
    with workshop.alone("uv"):
        if workshop.ready("uv"):
            return uv
        log.write_bytes(b"")
        shutil.rmtree(str(workshop.path("uv")), ignore_errors=True)
        host = python[0] if python and python[1] else sys.executable
        lock = str(workshop.root / "requirements" / "uv.txt")
        options = ("-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:", "-r", lock)
        try:
            workshop.run(log, host, "-m", "venv", workshop.path("uv"))
            workshop.run(log, workshop.path("uv") / "bin" / "python", *options)
        except (OSError, subprocess.CalledProcessError):
            installed = shutil.which("uv")
            return Path(installed) if installed else None
        finish(workshop, "uv")
    return uv


def bring_python(workshop, uv):
    """Download a Python 3.13 with uv. Raises SetupFailed with what a person can do instead."""
    log = workshop.logs / "python.log"
    log.write_bytes(b"")
    say(f"  no Python {WANTED} on this machine: downloading one")
    with workshop.alone("python"), contextlib.suppress(OSError, subprocess.CalledProcessError):
        if uv:
            target = str(workshop.folder / "python")
            workshop.run(log, uv, "python", "install", "--install-dir", target, "--no-bin", WANTED)
    found = find_python(workshop)
    if found:
        return found
    raise SetupFailed(
        f"Python {WANTED} is not on this machine and could not be downloaded: install it "
        f"(`brew install python@{WANTED}`, `apt install python{WANTED}-venv`, `pyenv install {WANTED}`, or from "
        f"python.org) and run make again, or name one with `make PYTHON=/path/to/python{WANTED} ...`."
    )


def finish(workshop, name):
    """The last step: from now on the environment counts as ready."""
    stamp = workshop.path(name) / ".ready"
    draft = stamp.with_suffix(".draft")
    draft.write_bytes(workshop.inputs(name))
    os.replace(str(draft), str(stamp))


def install_with_uv(workshop, name, log, python, uv):
    """Takes seconds. An environment that was whole is brought up to date where it stands."""
    inside = workshop.path(name) / "bin" / "python"
    stamp = workshop.path(name) / ".ready"
    if stamp.exists() and os.access(str(inside), os.X_OK):
        stamp.unlink()
    else:
        workshop.run(log, uv, "venv", "--quiet", "--clear", "--no-project", "--python", python[0], workshop.path(name))
    lock = workshop.root / "requirements" / (name + ".txt")
    workshop.run(log, uv, "pip", "sync", "--quiet", "--require-hashes", "--python", inside, lock)
    return (uv, "pip", "install", "--python", inside)


def install_with_pip(workshop, name, log, python):
    """The slow way, which honours pip's own configuration (a mirror, a proxy)."""
    if not python[1]:
        raise SetupFailed(
            f"{python[0]} has no ensurepip: install it (Debian, Ubuntu: `apt install python{WANTED}-venv`) "
            "and run make again."
        )
    inside = workshop.path(name) / "bin" / "python"
    workshop.run(log, python[0], "-m", "venv", "--clear", workshop.path(name))
    lock = workshop.root / "requirements" / (name + ".txt")
    pip = (inside, "-m", "pip", "install")
    workshop.run(log, *pip, "--quiet", "--require-hashes", "-r", lock)
    return pip


def install(workshop, name, log, python, uv):
    """The lock, then (in `.venv`) the project itself."""
    installer = None
    if uv:
        try:
            installer = install_with_uv(workshop, name, log, python, uv)
        except (OSError, subprocess.CalledProcessError):
            if workshop.stopping:
                raise
    installer = installer or install_with_pip(workshop, name, log, python)
    if name == "project":
        editable = ("--no-deps", "--no-build-isolation", "--editable", workshop.root)
        workshop.run(log, *installer, "--quiet", *editable)


def build(workshop, name, python, uv):
    """Make one environment ready and say so. Raises SetupFailed with the end of the log."""
    with workshop.alone(name):
        if workshop.ready(name):
            return
        began = time.monotonic()
        log = workshop.logs / (name + ".log")
        log.write_bytes(b"")
        try:
            install(workshop, name, log, python, uv)
        except subprocess.CalledProcessError as error:
            if workshop.stopping:
                raise
            tail = log.read_text(errors="replace").splitlines()[-15:]
            raise SetupFailed(
                "The {} environment could not be installed ({}):\n    {}".format(name, log, "\n    ".join(tail))
            ) from error
        finish(workshop, name)
        say(f"  {name:<9} ready {time.monotonic() - began:>5.1f} s")


def main(root, names):
    workshop = Workshop(root)
    say("Setting up: " + ", ".join(names))
    pool = ThreadPoolExecutor(max_workers=4)
    try:
        python = find_python(workshop)
        uv = get_uv(workshop, python)
        if not python:
            python = bring_python(workshop, uv)
        jobs = [pool.submit(build, workshop, name, python, uv) for name in names if name != "uv"]
        for job in jobs:
            job.result()
    except SetupFailed as failure:
        sys.stderr.write(str(failure) + "\n")
        return 1
    except KeyboardInterrupt:
        workshop.stop()
        sys.stderr.write("Stopped. The next call goes on from here.\n")
        return 130
    finally:
        workshop.stop()
        pool.shutdown(wait=True)
    return 0


def interrupt(_signal, _frame):
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, interrupt)
    sys.exit(main(sys.argv[1], sys.argv[2:]))
