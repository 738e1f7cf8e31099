import hashlib

import pytest
import torch
from torchvision.models import resnet18

from coftad import weights
from coftad.types import InputError


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "w" / "resnet18-some.pth"
    path.parent.mkdir()
    torch.save(resnet18().half().state_dict(), path)
    return path


@pytest.fixture
def offline(tmp_path, monkeypatch):
    monkeypatch.delenv("COFTAD_WEIGHTS", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))

    def refuse(*_, **__):
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", refuse)


def test_a_file_is_read_in_float32_without_the_classifier_and_fingerprinted(file):
    found = weights.resolve(str(file), "resnet18")
    assert (found.kind, found.origin) == ("file", str(file))
    assert found.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert found.state["conv1.weight"].dtype == torch.float32
    assert not any(key.startswith("fc.") for key in found.state)


def test_imagenet_prefers_the_directory_of_the_user(file, offline, monkeypatch):
    monkeypatch.setenv("COFTAD_WEIGHTS", str(file.parent))
    assert weights.resolve("imagenet", "resnet18").origin == str(file)
    assert weights.resolve("auto", "resnet18").kind == "imagenet"
    (file.parent / "resnet18-other.pth").write_bytes(file.read_bytes())
    with pytest.raises(InputError, match=r"several files for resnet18 \(resnet18-other.pth, resnet18-some.pth\)"):
        weights.resolve("imagenet", "resnet18")


def test_then_the_hub_cache(file, offline, tmp_path):
    cache = tmp_path / "hub" / "hub" / "checkpoints" / "resnet18-f37072fd.pth"
    cache.parent.mkdir(parents=True)
    cache.write_bytes(file.read_bytes())
    assert weights.resolve("imagenet", "resnet18").origin == str(cache)


def test_without_any_the_error_says_what_was_tried(offline, tmp_path, monkeypatch):
    monkeypatch.setenv("COFTAD_WEIGHTS", str(tmp_path))
    with pytest.raises(InputError) as error:
        weights.resolve("imagenet", "resnet18")
    for word in (str(tmp_path), "resnet18-f37072fd.pth", "download.pytorch.org", "no route to host"):
        assert word in str(error.value)


def test_auto_falls_back_to_random_with_one_loud_warning(offline):
    with pytest.warns(UserWarning, match="NO PRETRAINED WEIGHTS") as caught:
        found = weights.resolve("auto", "resnet18")
    assert len(caught) == 1
    assert (found.kind, found.state, found.sha256) == ("random", None, None)


def test_files_that_do_not_fit_say_which_keys(tmp_path):
    state = resnet18().state_dict()
    del state["conv1.weight"]
    state["extra"] = torch.zeros(1)
    state["bn1.weight"] = torch.zeros(3)
    torch.save(state, tmp_path / "bad.pth")
    with pytest.raises(InputError) as error:
        weights.resolve(str(tmp_path / "bad.pth"), "resnet18")
    assert "conv1.weight is missing" in str(error.value)
    assert "extra is unknown" in str(error.value)
    assert "bn1.weight has shape (3,), expected (64,)" in str(error.value)


class Evil:
    def __reduce__(self):
        return (print, ("code ran",))


@pytest.mark.parametrize(
    "content",
    [b"", b"not a pickle", Evil(), [1, 2], {"conv1.weight": 3}],
    ids=["empty", "text", "code", "list", "numbers"],
)
def test_what_is_not_a_state_dict_is_refused_and_never_run(content, tmp_path, capsys):
    path = tmp_path / "w.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(InputError, match=str(path)):
        weights.resolve(str(path), "resnet18")
    assert "code ran" not in capsys.readouterr().out


def test_missing_file_and_unknown_backbone(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        weights.resolve(str(tmp_path / "none.pth"), "resnet18")
    with pytest.raises(InputError, match="resnet18, resnet50"):
        weights.resolve("random", "resnet34")


def test_values_that_are_not_finite_are_refused(file):
    state = torch.load(file, weights_only=True)
    state["conv1.weight"][0] = float("nan")
    torch.save(state, file)
    with pytest.raises(InputError, match=r"not finite, in conv1\.weight"):
        weights.resolve(str(file), "resnet18")
