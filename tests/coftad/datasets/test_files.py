import pytest
from PIL import Image

from coftad.datasets.files import images_below, inside, refuse
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
