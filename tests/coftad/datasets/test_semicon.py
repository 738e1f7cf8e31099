import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from coftad.datasets.protocol import Protocol, check
from coftad.datasets.semicon import SemiCon, read_labels
from coftad.types import InputError


@pytest.fixture
def slices(tmp_path):
    """Three slices, one on each side of the thresholds and one between."""
    (tmp_path / "slices").mkdir()
    for name, value in (("a", 10), ("b", 20), ("c", 30)):
        Image.new("L", (5, 5), value).save(tmp_path / "slices" / f"{name}.png")
    (tmp_path / "labels.csv").write_text("file,void_ratio_percent\nc.png,7.0\nb.png,4.5\na.png,2.0\n")
    return tmp_path


def test_the_real_crops_at_their_thresholds(data_root):
    loaded = SemiCon(data_root / "semicon").load(64)
    assert np.bincount(loaded.labels).tolist() == [671, 134]
    assert loaded.images.shape == (805, 3, 64, 64)
    assert loaded.provenance["left_out"] == 1536 - 805
    row = loaded.paths.index("slices/PCBA1_07_ball_004_roi.jpg")  # 8.1297 %
    assert loaded.labels[row] == 1
    check(loaded, Protocol(50, 0, 500, 110))


def test_slices_between_the_thresholds_are_left_out(slices):
    loaded = SemiCon(slices).load(4)
    assert loaded.paths == ("slices/a.png", "slices/c.png")
    assert loaded.labels.tolist() == [0, 1]
    assert loaded.images[:, 0, 0, 0].tolist() == [10, 30]
    assert SemiCon(slices, normal_at_most=4.5).load(4).labels.tolist() == [0, 0, 1]
    with pytest.raises(InputError, match="no slice with 8 % void or more"):
        SemiCon(slices, defective_at_least=8).load(4)


def test_all_bad_rows_are_reported_with_their_lines(slices):
    (slices.parent / "outside.png").touch()
    (slices / "slices" / "link.png").symlink_to(slices.parent / "outside.png")
    (slices / "labels.csv").write_text(
        "file,void_ratio_percent\na.png,1\na.png,2\nz.png,1\nb.png,many\nb.png,nan\nb.png,-1\n,1\n"
        "../labels.csv,1\n/etc/passwd,1\n%2e%2e/labels.csv,1\nlink.png,1\n"
    )
    with pytest.raises(InputError) as caught:
        SemiCon(slices).load(4)
    lines = str(caught.value).splitlines()[1:]
    expected = {
        3: "already on line 2",
        4: "does not exist",
        5: "'many', expected a number from 0 to 100",
        6: "'nan'",
        7: "'-1'",
        8: "file is empty",
        9: "not a relative path",
        10: "not a relative path",
        11: "not a relative path",
        12: "outside",
    }
    assert len(lines) == len(expected)
    for (number, reason), line in zip(expected.items(), lines, strict=True):
        assert f"line {number}: " in line
        assert reason in line


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a.png,1,5", "'5' stands in no column"),
        ("a.png,2,4,x", "'4', 'x' stands in no column"),
        ("a.png,1_5", "'1_5', expected a number from 0 to 100"),
        ("a.png,١٥", "'١٥', expected"),
        ("a.png,infinity", "'infinity', expected"),
        ("a.png,0x5", "'0x5', expected"),
    ],
)
def test_numbers_that_could_be_read_in_two_ways_are_refused_with_their_line(slices, row, reason):
    for header in ("file,void_ratio_percent", "file,void_ratio_percent,,"):
        (slices / "labels.csv").write_text(f"{header}\nb.png,4.5\n{row}\n", encoding="utf-8")
        with pytest.raises(InputError, match="cannot be used") as caught:
            SemiCon(slices).load(4)
        [_, line] = str(caught.value).splitlines()
        assert "line 3: " in line
        assert reason in line


@pytest.mark.parametrize("row", ["a.png,1.5", "a.png,+1.5", "a.png,.15e1", 'a.png,"1.5"', "a.png, 1.5 ", "a.png,1.5,,"])
def test_numbers_as_other_programs_write_them_are_read(slices, row):
    (slices / "labels.csv").write_text(f"file,void_ratio_percent\n\n{row}\nc.png,9\n")
    assert [each.void_ratio_percent for each in read_labels(slices)] == [1.5, 9]


def test_a_name_that_is_too_long_is_no_files(slices):
    (slices / "labels.csv").write_text(f"file,void_ratio_percent\n{'a' * 5000},1\n")
    with pytest.raises(InputError, match=r"line 2: .* does not exist"):
        SemiCon(slices).load(4)


def test_a_column_that_is_there_twice_is_refused(slices):
    (slices / "labels.csv").write_text("file,void_ratio_percent,file\na.png,1,b.png\n")
    with pytest.raises(InputError, match="line 1: more than one column is called file"):
        SemiCon(slices).load(4)


def test_a_slice_number_beyond_all_volumes_is_refused(tmp_path):
    (tmp_path / "labels.csv").write_text(f"file,slice,void_ratio_percent\ndie.tif,{'9' * 5000},1\n")
    with pytest.raises(InputError, match="expected a whole number from 0"):
        SemiCon(tmp_path).load(4)


def test_a_file_that_looks_like_a_drive_or_decodes_to_a_path_is_a_file(slices):
    for name in ("9:05.png", "%2Fx.png"):
        (slices / "slices" / name).write_bytes((slices / "slices/a.png").read_bytes())
    (slices / "labels.csv").write_text("file,void_ratio_percent\n9:05.png,1\n%2Fx.png,1\nc.png,9\n")
    assert SemiCon(slices).load(4).paths == ("slices/%2Fx.png", "slices/9:05.png", "slices/c.png")


def test_a_missing_table_or_column_says_what_is_expected(slices):
    (slices / "labels.csv").write_text("name,ratio\na.png,1\n")
    with pytest.raises(InputError, match="no column file and no column void_ratio_percent"):
        SemiCon(slices).load(4)
    (slices / "labels.csv").write_bytes(b"file,void_ratio_percent\n\xff.png,1\n")
    with pytest.raises(InputError, match="not a CSV table in UTF-8"):
        SemiCon(slices).load(4)
    (slices / "labels.csv").unlink()
    with pytest.raises(InputError, match=r"labels.csv does not exist; expected labels.csv with the columns"):
        SemiCon(slices).load(4)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_volumes_are_sliced_along_z(tmp_path, dtype):
    (tmp_path / "volumes").mkdir()
    scale = 1 if dtype == np.uint8 else 257
    pages = [Image.fromarray(np.full((6, 6), 60 * z * scale, dtype)) for z in range(4)]
    pages[0].save(tmp_path / "volumes" / "die.tif", save_all=True, append_images=pages[1:])
    table = tmp_path / "labels.csv"
    table.write_text("file,slice,void_ratio_percent\ndie.tif,3,9\ndie.tif,0,0.5\ndie.tif,1,5\ndie.tif,2,1\n")
    loaded = SemiCon(tmp_path).load(4)
    assert loaded.paths == ("volumes/die.tif#z=0", "volumes/die.tif#z=2", "volumes/die.tif#z=3")
    assert loaded.labels.tolist() == [0, 0, 1]
    assert loaded.images[:, 0, 0, 0].tolist() == [0, 120, 180]

    table.write_text("file,slice,void_ratio_percent\ndie.tif,4,9\ndie.tif,0,1\n")
    with pytest.raises(InputError, match="pages 0 to 3; asked for 4"):
        SemiCon(tmp_path).load(4)
    table.write_text("file,slice,void_ratio_percent\ndie.tif,-1,9\n")
    with pytest.raises(InputError, match="line 2: slice is '-1', expected a whole number from 0"):
        SemiCon(tmp_path).load(4)


def test_without_a_root_it_simulates(tmp_path, monkeypatch):
    monkeypatch.setenv("COFTAD_CACHE", str(tmp_path))
    loaded = SemiCon(normal=4, defective=3).load(32)
    assert loaded.labels.tolist() == [0] * 4 + [1] * 3
    assert loaded.images.shape == (7, 3, 32, 32)
    assert loaded.provenance["simulated"] is True
    again = SemiCon(normal=4, defective=3).load(32)
    assert again.digest == loaded.digest
    assert SemiCon(normal=4, defective=3, seed=1).load(32).digest != loaded.digest


@pytest.mark.parametrize(
    "bad",
    [
        {"normal_at_most": 7.0},
        {"root": "x", "normal": 600},
        {"grey_range": (0, 1)},
        {"normal": 0},
        {"defective_at_least": 101},
        {"threshold": 3},
    ],
)
def test_impossible_settings_are_refused(bad):
    with pytest.raises(ValidationError):
        SemiCon(**bad)


def test_the_defaults_suffice_for_the_papers_split():
    defaults = SemiCon()
    assert defaults.normal >= 50 + 500
    assert defaults.defective >= 110


def test_the_inventory_is_of_the_files_that_the_table_names(slices):
    normal, defective = SemiCon().inventory().parts
    assert (normal.found, defective.found) == (560, 120)
    assert not SemiCon().inventory().lacking
    assert not SemiCon(slices).inventory().lacking
    (slices / "slices" / "b.png").unlink()
    assert SemiCon(slices).inventory().lacking[0].missing == ("slices/b.png",)
    (slices / "labels.csv").unlink()
    assert SemiCon(slices).inventory().absent
    (slices / "labels.csv").write_text("file,void_ratio_percent\n")
    assert SemiCon(slices).inventory().absent
