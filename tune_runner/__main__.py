"""python -m tune_runner"""

import sys

from tune_runner.cli import main

sys.exit(main())
