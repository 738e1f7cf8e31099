"""Shared fixtures. Real images are never part of the checkout: COFTAD_DATA points to them."""

import os
from pathlib import Path

import pytest


def pytest_collection_modifyitems(items):
    """Every test that asks for real images or weights carries the mark `data`."""
    for item in items:
        if {"data_root", "weights_root"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.data)


def folder(variable: str) -> Path:
    value = os.environ.get(variable)
    if not value or not Path(value).is_dir():
        pytest.fail(f"{variable} must point to a folder, it is {value!r}; `-m 'not data'` leaves these tests out")
    return Path(value)


@pytest.fixture(scope="session")
def data_root() -> Path:
    return folder("COFTAD_DATA")


@pytest.fixture(scope="session")
def weights_root() -> Path:
    return folder("COFTAD_WEIGHTS")
