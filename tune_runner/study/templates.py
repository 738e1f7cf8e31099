"""The Jinja templates of every page this project writes, all escaped alike."""

from pathlib import Path
from typing import Any

import jinja2


def template(path: Path, **names: Any) -> jinja2.Template:
    """names: functions for the template, each both a global and a filter."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(path.parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals.update(names)
    environment.filters.update(names)
    return environment.get_template(path.name)
