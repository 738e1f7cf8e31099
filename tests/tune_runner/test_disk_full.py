"""A disk that is really full, and then read-only: a small file system of its own."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tune_runner.tiny import Shell

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.mounts]

# In a mount namespace of its own, so that nothing else sees the file system and nothing is left of it.
INSIDE = """
import json, subprocess, sys, time
from pathlib import Path

command, runs = sys.argv[1:-1], Path(sys.argv[-1])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", runs], check=True)

def recorded():
    return ([path.read_text().count(chr(10)) for path in runs.glob("*/*/records.jsonl")] or [0])[0]

def run(*arguments, then=lambda: None):
    sweep = subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    then()
    output, _ = sweep.communicate(timeout=200)
    return {"code": sweep.returncode, "output": output}

def fill():
    while recorded() < 3:
        time.sleep(0.01)
    try:
        with (runs / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(bytes(1024))
    except OSError as full:
        assert "No space left" in str(full)

def remount(how):
    subprocess.run(["mount", "-o", f"remount,{how}", runs], check=True)

found = {"full": run("--sweep", "sweep.yaml", then=fill)}
found["kept"] = recorded()
(runs / "filler").unlink()
[directory] = runs.glob("*/*/")
remount("ro")  # refused while a driver has files open
found["read_only"] = run("--resume", directory)
remount("rw")
found["again"] = run("--resume", directory)
found["doctor"] = run("--doctor", directory)
print(json.dumps(found))
"""


def test_a_sweep_stops_says_so_and_goes_on_when_there_is_room_again(shell: Shell) -> None:
    runs = shell.folder / "runs"
    runs.mkdir()
    shell.write(budget={"trials": 12}, tracking=None)
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", sys.executable, "-c", INSIDE, *shell.command(), str(runs)],
        cwd=shell.folder,
        env={**shell.environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    for what, said in (("full", "No space left on device|disk is full"), ("read_only", "Read-only|readonly")):
        assert found[what]["code"] == 1, found[what]["output"]
        assert re.search(said, found[what]["output"]), found[what]["output"]
        assert "Traceback" not in found[what]["output"], found[what]["output"]
    assert 3 <= found["kept"] < 24
    assert found["again"]["code"] == 0, found["again"]["output"]
    assert "12 complete, 0 pruned, 0 failed" in found["again"]["output"], found["again"]["output"]
    assert found["doctor"]["code"] == 0, found["doctor"]["output"]
