"""Environment variables that a library reads, set while it is in use."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


@contextmanager
def variables(
    defaults: Mapping[str, str], forced: Mapping[str, str] | None = None, restored: tuple[str, ...] = ()
) -> Iterator[None]:
    """Within, `defaults` hold where the user set nothing else, and `forced` in any case. Afterwards all of them, and
    those named in `restored`, are what they were."""
    new = {**defaults, **{name: os.environ[name] for name in defaults if name in os.environ}, **(forced or {})}
    before = {name: os.environ.get(name) for name in (*new, *restored)}
    os.environ.update(new)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
