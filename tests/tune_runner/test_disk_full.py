"""A disk that is really full: a small file system of its own, which something else fills while a sweep runs."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tune_runner.conftest import Shell

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.mounts]

# In a mount namespace of its own, so that nothing else sees the file system and nothing is left of it.
INSIDE = """
import json, subprocess, sys, time
from pathlib import Path

command, runs = sys.argv[1:-1], Path(sys.argv[-1])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", runs], check=True)

def recorded():
    return [path.read_text().count(chr(10)) for path in runs.glob("*/*/records.jsonl")] or [0]

sweep = subprocess.Popen(
    [*command, "--sweep", "sweep.yaml"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
)
while recorded()[0] < 3 and sweep.poll() is None:
    time.sleep(0.01)
try:
    with (runs / "filler").open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(1024))
except OSError as full:
    said = str(full)
output, _ = sweep.communicate(timeout=120)
kept = recorded()[0]
(runs / "filler").unlink()
[directory] = runs.glob("*/*/")
again = subprocess.run([*command, "--resume", directory], capture_output=True, text=True, timeout=200)
doctor = subprocess.run([*command, "--doctor", directory], capture_output=True, text=True, timeout=100)
print(json.dumps({"filler": said, "code": sweep.returncode, "output": output, "kept": kept, "again": again.returncode,
    "resumed": again.stdout + again.stderr, "recorded": recorded()[0], "doctor": doctor.stdout + doctor.stderr,
    "agrees": doctor.returncode}))
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
    assert "No space left on device" in found["filler"]
    assert found["code"] == 1, found["output"]
    assert re.search("No space left on device|disk is full", found["output"]), found["output"]
    assert "Traceback" not in found["output"], found["output"]
    assert 3 <= found["kept"] < 24
    assert found["again"] == 0, found["resumed"]
    assert "12 complete, 0 pruned, 0 failed" in found["resumed"], found["resumed"]
    assert found["recorded"] >= 24  # and what a trial had finished when it was interrupted
    assert found["agrees"] == 0, found["doctor"]
