import pytest
from PIL import Image

from coftad.datasets.files import ignored_below, images_below, inside, refuse, within
from coftad.datasets.formats import FORMATS
from coftad.datasets.images import Source, load_images
from coftad.types import InputError


@pytest.mark.parametrize(
    "name",
    [
        "../a.png",
        "b/../../a.png",
        "/etc/passwd",
        "%2e%2e/a.png",
        "%252e%252e/a.png",
        "..%2fa.png",
        "%2fetc/passwd",
        "..\\a.png",
        "C:\\a.png",
        "a\0.png",
        "a%00.png",
        "",
    ],
)
def test_names_that_lead_outside_are_refused(tmp_path, name):
    with pytest.raises(InputError, match="not a relative path inside"):
        inside(tmp_path, name)


@pytest.mark.parametrize("name", ["a.png", "b/c.png", "100%25.png", "two..dots.png", "50%.png"])
def test_ordinary_names_are_taken_literally(tmp_path, name):
    assert inside(tmp_path, name) == tmp_path / name


def test_links_are_refused_only_where_they_leave_the_root(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    for path in (root / "a.png", tmp_path / "secret.png"):
        Image.new("L", (2, 2)).save(path)
    (root / "near.png").symlink_to(root / "a.png")
    assert images_below(root, ".") == ["a.png", "near.png"]
    (root / "far.png").symlink_to(tmp_path / "secret.png")
    (root / "folder").symlink_to(tmp_path)
    with pytest.raises(InputError, match="outside"):
        inside(root, "far.png")
    with pytest.raises(InputError, match="outside"):
        inside(root, "folder/secret.png")
    with pytest.raises(InputError) as caught:
        images_below(root, ".")
    assert "far.png is a link to" in str(caught.value)
    assert "folder is a link to a folder" in str(caught.value)


def test_images_are_listed_sorted_at_any_depth_without_hidden_and_other_files(tmp_path):
    for name in ["b.PNG", "a/c.jpg", "a/b/d.tiff", ".hidden.png", ".cache/e.png", "notes.txt"]:
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert images_below(tmp_path, "in") == ["in/a/b/d.tiff", "in/a/c.jpg", "in/b.PNG"]
    assert images_below(tmp_path, "in", recursive=False) == ["in/b.PNG"]


def test_a_long_list_of_problems_is_capped_with_its_count():
    with pytest.raises(InputError) as caught:
        refuse("Bad:", [f"file {i}" for i in range(57)])
    lines = str(caught.value).splitlines()
    assert len(lines) == 22
    assert lines[-1] == "  - and 37 more"
    refuse("Fine:", [])


def test_names_that_a_folder_holds_are_not_judged(tmp_path):
    for name in ("9:05.png", "A:1.png", "%2Fdata%2Fx.png", "%00.png", "b\\..\\a.png"):
        Image.new("L", (2, 2)).save(tmp_path / name)
        assert within(tmp_path, name) == tmp_path / name
    assert len(load_images(tmp_path, [Source(name) for name in images_below(tmp_path, ".")], 8)) == 5
    (tmp_path / "far.png").symlink_to("/etc/passwd")
    with pytest.raises(InputError, match="outside"):
        within(tmp_path, "far.png")
    with pytest.raises(InputError, match="not the name of a file"):
        within(tmp_path, "a\0.png")


def test_what_is_passed_over_is_counted_by_suffix(tmp_path):
    for name in ("a.heic", "b/c.HEIC", "notes.txt", "README", ".hidden.heic", "a.png", "d.JFIF"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert ignored_below(tmp_path, ".") == "2 .heic, 1 .txt, 1 without a suffix"
    assert images_below(tmp_path, ".") == ["a.png", "d.JFIF"]
    assert ignored_below(tmp_path, "nowhere") == ""


@pytest.mark.parametrize(
    ("suffix", "kind"),
    [("jfif", "JPEG"), ("jpe", "JPEG"), ("gif", "GIF"), ("jp2", "JPEG2000"), ("avif", "AVIF"), ("pbm", "PPM")],
)
def test_all_that_the_decoder_reads_counts_as_an_image(tmp_path, suffix, kind):
    if kind not in FORMATS:
        pytest.fail(f"this build of Pillow has no {kind}")
    Image.new("L", (8, 8), 255).convert("1" if suffix == "pbm" else "RGB").save(tmp_path / f"a.{suffix}", kind)
    [name] = images_below(tmp_path, ".")
    assert load_images(tmp_path, [Source(name)], 8).min() > 245
