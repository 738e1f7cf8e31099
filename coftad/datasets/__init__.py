"""Data sets by the name a sweep calls them: each is its own configuration, and loads as an `ImageSet`."""

from coftad.datasets.aitex import Aitex
from coftad.datasets.cifar_c import Cifar10C, Cifar100C
from coftad.datasets.flowers17 import Flowers17
from coftad.datasets.folder import Folder
from coftad.datasets.inventory import DataSet
from coftad.datasets.magnetic_tile import MagneticTile
from coftad.datasets.mvtec import MVTec
from coftad.datasets.semicon import SemiCon

DATASETS: dict[str, type[DataSet]] = {
    "semicon": SemiCon,
    "aitex": Aitex,
    "cifar10_c": Cifar10C,
    "cifar100_c": Cifar100C,
    "flowers17": Flowers17,
    "magnetic_tile": MagneticTile,
    "mvtec": MVTec,
    "folder": Folder,
}
"""`DATASETS[name](**keys).load(image_size)`: keys are its fields, `positive_augmentation` its family of views."""
