"""Ray: start it on this machine or join a cluster."""

import functools
import ipaddress
import os
import secrets
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ray
from ray import _raylet

import coftad
import tune_runner
from coftad.types import InputError
from tune_runner import internals, ray_deaths
from tune_runner.process_environment import variables
from tune_runner.resources import hardware
from tune_runner.spec import Hardware

# Ray and Tune read these from the environment; a user's own values win.
_SETTINGS = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # ours record; Ray's cost the driver two thirds of its time
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # `interruption` has its own
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",  # a failed trial's result has a reason in place of an AUROC
    "TUNE_GLOBAL_CHECKPOINT_S": "1e9",  # its snapshots, which grow with every trial, are never read
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",  # a lost worker is told in one line, by us
    "TUNE_WARN_THRESHOLD_S": "5",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
}


_SET_BY_RAY = ("RAY_AUTH_MODE", "PYTHONBREAKPOINT")


@contextmanager
def connected(address: str | None, *, insecure: bool) -> Iterator[Hardware]:
    """A Ray of our own on this machine, gone afterwards; or the cluster at `address`. Yields what it has.

    The environment and Ray's classes are as before when it ends. Raises InputError if there is no cluster, if it may
    not be joined, or if Ray cannot run here.
    """
    internals.check(internals.RAY)
    token = _own_token() if address is None else {}
    with variables(_SETTINGS, token, restored=_SET_BY_RAY), ray_deaths.patched():
        _forget_token()
        try:
            if address is None:
                _start()
            else:
                _join(address, insecure=insecure)
            yield _available()
        finally:
            ray.shutdown()
    _forget_token()


def _forget_token() -> None:
    """Ray keeps the first token that it finds for the whole process, wherever it is to look for one by now."""
    _raylet.AuthenticationTokenLoader.instance().reset_cache()  # type: ignore[attr-defined]


def _start() -> None:
    own = hardware()
    try:
        # "local", since RAY_ADDRESS in the environment would join a cluster nobody asked for
        ray.init(
            address="local",
            num_cpus=own.cpus,
            num_gpus=own.gpus,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
        )
    except OSError as error:
        variable, folder = _temporary_folder()
        advice = f"set RAY_TMPDIR to a short path that can be written; it is {folder}, from {variable}"
        if "AF_UNIX path length" in str(error):
            raise InputError(f"the temporary folder's path is too long for Ray's sockets: {advice}") from None
        if error.filename is not None and str(error.filename).startswith(folder):
            raise InputError(f"Ray's temporary folder cannot be used ({error.strerror}): {advice}") from None
        raise


def _join(address: str, *, insecure: bool) -> None:
    _check_address(address, insecure=insecure)
    _check_reachable(address)
    # No shared file system is assumed: code travels through Ray as data and weights do.
    modules = [str(Path(package.__file__ or "").parent) for package in (coftad, tune_runner)]
    try:
        ray.init(
            address=address,
            log_to_driver=False,
            logging_level="ERROR",
            runtime_env={"py_modules": modules, "env_vars": _SETTINGS},
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        lines = str(error).strip().splitlines() if str(error).strip() else [type(error).__name__]
        reason = " ".join(dict.fromkeys(line.strip() for line in (lines[0], lines[-1]) if line.strip()))
        raise InputError(f"--address: no cluster could be joined at {address}: {reason}") from None


def _own_token() -> dict[str, str]:
    """Where a Ray of our own finds a token of its own, so that it neither needs nor changes `~/.ray`; nothing where the
    user said how Ray is to authenticate."""
    if any(os.environ.get(name) for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")):
        return {}
    path = Path(_secrets().name, "ray_token")
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32))
    return {"RAY_AUTH_TOKEN_PATH": str(path)}


@functools.cache
def _secrets() -> "tempfile.TemporaryDirectory[str]":
    """A folder that only this user reads, gone with this process."""
    return tempfile.TemporaryDirectory(prefix="tune_runner-", ignore_cleanup_errors=True)


def _available() -> Hardware:
    total = ray.cluster_resources()
    return Hardware(cpus=int(total.get("CPU", 0)), gpus=int(total.get("GPU", 0)))


def _check_address(address: str, *, insecure: bool) -> None:
    """Whoever reaches a Ray cluster runs code on it: one that others can reach must ask for a token."""
    if insecure or token_authentication() or is_loopback(address):
        return
    raise InputError(
        f"--address: {address} is not a loopback address, and Ray's token authentication is off: anyone who reaches "
        "this cluster could run code on it. Start the cluster and this command with RAY_AUTH_MODE=token and the same "
        "token (RAY_AUTH_TOKEN_PATH, or ~/.ray/auth_token as `ray get-auth-token --generate` writes it), or say "
        "--insecure"
    )


def _check_reachable(address: str) -> None:
    """Ray tries for minutes to reach a cluster that is not there; five seconds tell as much."""
    host, _, port = resolved(address).rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=5):
            return
    except ValueError:
        raise InputError(
            f"--address: {address!r} is not understood; auto, host:port or ray://host:port is accepted"
            if address != "auto"
            else "--address: auto finds no Ray cluster on this machine; `ray start` starts or joins one"
        ) from None
    except OSError as error:
        raise InputError(f"--address: no cluster answers at {address}: {error}") from None


def resolved(address: str) -> str:
    """`host:port` of an address as users write it; what `auto` stands for is empty if there is no cluster here."""
    if address == "auto":
        address = os.environ.get("RAY_ADDRESS") or _latest_cluster()
    return address.removeprefix("ray://")


def token_authentication() -> bool:
    """Whether this process authenticates: told so, or not told otherwise and in possession of a token, as in Ray."""
    mode = os.environ.get("RAY_AUTH_MODE", "")
    if mode:
        return mode.lower() == "token"
    return any(os.environ.get(name) for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")) or _has_token()


def _has_token() -> bool:
    """Whether a token is where `ray get-auth-token --generate` writes it."""
    try:
        return Path("~/.ray/auth_token").expanduser().is_file()
    except (RuntimeError, OSError):  # no home, or one that may not be read
        return False


def is_loopback(address: str) -> bool:
    """Whether `host:port`, `ray://host:port` or the cluster that `auto` stands for is only reachable from here."""
    host = resolved(address).rpartition(":")[0].strip("[]")
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return bool(found) and all(ipaddress.ip_address(each).is_loopback for each in found)


def _latest_cluster() -> str:
    """The address that `ray start` left on this machine, which `auto` means; empty if there is none."""
    try:
        return Path(_temporary_folder()[1], "ray", "ray_current_cluster").read_text().strip()
    except OSError:
        return ""


def _temporary_folder() -> tuple[str, str]:
    """(where from, the folder below which Ray keeps sockets and logs), as Ray chooses it on this system."""
    names = ("RAY_TMPDIR", "TMPDIR") if sys.platform.startswith("linux") else ("RAY_TMPDIR",)
    for name in names:
        if name in os.environ:
            return name, os.environ[name]
    return "Ray's default", "/tmp"  # noqa: S108 - Ray's own place
