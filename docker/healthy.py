"""Exit with 0 if every URL answers with success: `python healthy.py URL...`. The image has no curl, and needs none."""

import sys
from urllib.request import urlopen

for url in sys.argv[1:]:
    urlopen(url, timeout=5).close()  # noqa: S310 - the URLs are literals of the manifests beside this file
