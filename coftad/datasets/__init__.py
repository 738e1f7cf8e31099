"""Data sets by the name a sweep calls them: each is its own configuration, and loads as an `ImageSet`."""

from coftad.datasets.aitex import Aitex
from coftad.datasets.folder import Folder
from coftad.datasets.inventory import DataSet
from coftad.datasets.magnetic_tile import MagneticTile
from coftad.datasets.mvtec import MVTec
from coftad.datasets.semicon import SemiCon

DATASETS: dict[str, type[DataSet]] = {
    "semicon": SemiCon,
    "magnetic_tile": MagneticTile,
    "mvtec": MVTec,
    "aitex": Aitex,
    "folder": Folder,
}
"""`DATASETS[name](**keys).load(image_size)`: keys are its fields, `positive_augmentation` its family of views."""
