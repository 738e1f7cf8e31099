"""Credentials are written nowhere."""

from pathlib import Path

import pytest

from coftad.types import InputError
from tests.mlflow_server import until
from tests.tune_runner.tracked import sweep
from tune_runner.redact import has_credentials, redact
from tune_runner.tracking import SweepContext, Tracker


def test_credentials_stay_out_of_every_file_and_message(tmp_path: Path) -> None:
    secret = "http://me:hun/ter%402@127.0.0.1:9/?token=t0k3n"
    context = sweep(tmp_path, secret)
    tracker = Tracker(context, first_retry=0.01)
    until(lambda: tracker.problem)
    assert tracker.close(10) == 0
    texts = [tracker.problem, repr(context), context.destination]
    texts += [path.read_text() for path in tmp_path.glob("*.json*")]
    assert len(texts) >= 5
    for text in texts:
        assert not any(word in text for word in ("hun/ter", "hun", "ter@2", "t0k3n")), text
    with pytest.raises(InputError, match="credentials"):
        SweepContext.load(tmp_path)
    assert SweepContext.load(tmp_path, secret).tracking_uri == secret


def test_redaction_leaves_the_rest() -> None:
    text = "cannot reach postgresql://coftad:pw@db:5432/mlflow?password=x&sslmode=off"
    assert redact(text) == "cannot reach postgresql://***@db:5432/mlflow?password=***&sslmode=off"
    assert redact("sqlite:////tmp/mlflow.db") == "sqlite:////tmp/mlflow.db"
    assert not has_credentials("http://localhost:5000")


def test_a_file_in_a_folder_with_an_at_has_no_credentials():
    uri = "sqlite:////home/me@work.org/mlflow.db"
    assert redact(uri, uri) == uri
    assert not has_credentials(uri)
