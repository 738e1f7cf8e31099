"""Every data set keeps the contract; a new one is checked by being listed in DATASETS and having a layout here.

A path in `ImageSet.paths` is the name of a file, up to a `#` where a file holds several images, or SPARE names a file.
"""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from coftad.datasets import DATASETS
from coftad.datasets.inventory import Origin
from coftad.datasets.protocol import Protocol, episode
from coftad.types import InputError
from tests.coftad.datasets.layouts import LAYOUTS, SPARE

SIZE = 32


@dataclasses.dataclass
class Written:
    """A data set under one root, and as it loads."""

    cls: type
    keys: dict

    def made(self, **changes):
        return self.cls(**self.keys | changes)

    def __post_init__(self):
        self.loaded = self.made().load(SIZE)


PUBLIC = [name for name, cls in DATASETS.items() if "allow_partial" in {each.name for each in dataclasses.fields(cls)}]
"""Sets that are the same for everybody, and may be there in part."""


def written(name: str, root: Path) -> Written:
    root.mkdir()
    return Written(DATASETS[name], LAYOUTS[name](root))


@pytest.fixture(scope="module", params=DATASETS)
def whole(request, tmp_path_factory):
    assert request.param in LAYOUTS, f"tests/coftad/datasets/layouts.py has no layout of {request.param}"
    return written(request.param, tmp_path_factory.mktemp(request.param) / "set")


@pytest.fixture
def public(request, tmp_path):
    return written(request.param, tmp_path / "set")


def test_images_labels_and_paths(whole):
    loaded = whole.loaded
    assert loaded.images.shape == (len(loaded), 3, SIZE, SIZE)
    assert loaded.images.dtype == np.uint8
    assert loaded.labels.shape == (len(loaded),)
    assert loaded.labels.dtype == np.int8
    assert set(loaded.labels.tolist()) == {0, 1}
    assert len(set(loaded.paths)) == len(loaded.paths) == len(loaded)
    assert not loaded.images.flags.writeable
    assert not loaded.labels.flags.writeable
    if loaded.for_support is not None:
        assert loaded.for_support.shape == loaded.labels.shape
        assert loaded.for_support.dtype == bool
        assert not loaded.for_support.flags.writeable
        assert loaded.for_support.any()
        assert not loaded.labels[loaded.for_support].any()


@pytest.mark.slow
def test_the_digest_is_of_the_content_and_not_of_the_place(whole, tmp_path):
    elsewhere = written(next(name for name, cls in DATASETS.items() if cls is whole.cls), tmp_path / "elsewhere")
    assert elsewhere.keys["root"] != whole.keys["root"]
    assert elsewhere.loaded.digest == whole.loaded.digest
    assert whole.made().load(SIZE + 1).digest != whole.loaded.digest


def test_it_says_where_it_comes_from(whole):
    origin = whole.cls.origin
    assert isinstance(origin, Origin)
    assert all(dataclasses.astuple(origin)), "every field tells something"
    provenance = whole.loaded.provenance
    assert "partial" not in provenance
    assert json.loads(json.dumps(provenance)) == provenance
    assert provenance["root"] == str(whole.keys["root"])


def test_the_inventory_is_whole(whole):
    for inventory in (whole.made().inventory(), whole.cls.survey(whole.keys["root"])):
        assert inventory.parts
        assert not inventory.lacking, list(map(str, inventory.lacking))
        assert not inventory.absent


@pytest.mark.parametrize("holdout", [0, 0.5])
def test_episodes_are_disjoint_and_seeded(whole, holdout):
    loaded = whole.loaded

    def rows(shots, index, seed=0):
        made = episode(loaded, Protocol(shots, holdout), seed=seed, index=index)
        return made.train_rows.tolist(), made.search_rows.tolist(), made.test_rows.tolist()

    train, search, test = rows(5, 0)
    assert len(set(train)) == 5
    assert not loaded.labels[train].any()
    assert not set(train) & {*search, *test}
    assert search == test if holdout == 0 else not set(search) & set(test)
    for part in (search, test):
        assert set(loaded.labels[part].tolist()) == {0, 1}
    if loaded.for_support is not None:
        assert loaded.for_support[train].all()
        assert not loaded.for_support[search + test].any()
    assert rows(5, 0) == (train, search, test)
    assert rows(5, 1)[0] != train
    assert rows(5, 0, seed=1)[0] != train
    assert rows(7, 0)[0][:5] == train
    assert len(rows(7, 0)[0]) == 7


def test_a_missing_root_is_one_error_that_names_it(whole, tmp_path):
    nowhere = whole.made(root=tmp_path / "nowhere")
    for ask in (nowhere.inventory, lambda: nowhere.load(SIZE), lambda: whole.cls.survey(tmp_path / "nowhere")):
        with pytest.raises(InputError, match=r"nowhere does not exist; expected ") as caught:
            ask()
        assert len(str(caught.value).splitlines()) == 1


OF_IMAGES = [name for name in DATASETS if name not in SPARE]
"""Sets of image files; those of arrays are looked into by their own tests."""


@pytest.mark.parametrize("public", OF_IMAGES, indirect=True)
@pytest.mark.parametrize("content", [b"", bytes(200), b"<html>not found</html>"], ids=["empty", "zeros", "a page"])
def test_a_file_that_holds_no_image_is_damaged_and_never_left_out(public, content):
    file = public.loaded.paths[-1].partition("#")[0]
    path = Path(public.keys["root"]) / file
    path.unlink()  # a link to many
    path.write_bytes(content)
    for inventory in (public.made().inventory(), public.cls.survey(public.keys["root"])):
        [part] = inventory.lacking
        assert part.damaged == (file,)
        assert f"{file} damaged" in str(part)
    for partial in ({}, {"allow_partial": True}) if "allow_partial" in public.keys | vars(public.made()) else ({},):
        with pytest.raises(InputError) as caught:
            public.made(**partial).load(SIZE)
        assert file in str(caught.value)


@pytest.mark.parametrize("public", PUBLIC, indirect=True)
def test_a_missing_file_is_named_and_the_rest_is_used_only_where_that_is_said(public, tmp_path):
    root = Path(public.keys["root"])
    name = next(name for name, cls in DATASETS.items() if cls is public.cls)
    file = SPARE.get(name) or public.loaded.paths[-1].partition("#")[0]
    (root / file).unlink()
    [part] = public.made().inventory().lacking
    assert part.missing == (file,)
    assert part.found < part.expected
    assert [each.missing for each in public.cls.survey(root).lacking] == [(file,)]
    with pytest.raises(InputError, match="allow_partial") as caught:
        public.made().load(SIZE)
    assert file in str(caught.value)
    assert public.cls.origin.source in str(caught.value)
    left = public.made(allow_partial=True).load(SIZE)
    assert file in left.provenance["partial"]
    assert 0 < len(left) <= len(public.loaded)
    assert not any(path.partition("#")[0] == file for path in left.paths)

    (tmp_path / "empty").mkdir()
    empty = public.made(root=tmp_path / "empty", allow_partial=True)
    assert empty.inventory().absent
    with pytest.raises(InputError, match="is not the whole"):
        empty.load(SIZE)
