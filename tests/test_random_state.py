"""Nothing sets or reads the global random state, and what says so would notice."""

from pathlib import Path

import pytest

from tests.random_state import violations

ROOT = Path(__file__).parent.parent
SOURCES = sorted(path for package in ("coftad", "tune_runner") for path in (ROOT / package).rglob("*.py"))

PLANTED = [
    "import torch\ntorch.manual_seed(0)",
    "import torch\ntorch.seed()",
    "import torch\ntorch.initial_seed()",
    "import torch\ntorch.rand(3)",
    "import torch as t\nt.randn(3)",
    "from torch import randint\nrandint(3, (2,))",
    "import torch\ntorch.randperm(3)",
    "import torch\ntorch.bernoulli(x)",
    "import torch\ntorch.multinomial(x, 2)",
    "import torch\ntorch.normal(0.0, 1.0, (3,))",
    "import torch\ntorch.poisson(x)",
    "import torch\ntorch.rand_like(x)",
    "import torch\ndraw = torch.randn",
    "import torch\ntorch.cuda.manual_seed_all(0)",
    "import torch\ntorch.random.fork_rng()",
    "import torch\ntorch.get_rng_state()",
    "import torch\ntorch.empty(3).normal_()",
    "x.uniform_(0, 1)",
    "x[0].bernoulli_(0.5)",
    "from torch import nn\nnn.init.kaiming_normal_(w)",
    "from torch.nn import init\ninit.xavier_uniform_(w)",
    "from torch.nn.functional import dropout\ndropout(x)",
    "from torch import nn\nnn.Dropout(0.5)",
    "from torch.utils.data import DataLoader\nDataLoader(x, shuffle=True)",
    "import random\nrandom.random()",
    "import random\nrandom.shuffle(x)",
    "import random\nrandom.seed(0)",
    "import random\nrandom.Random()",
    "from random import choice\nchoice(x)",
    "import numpy as np\nnp.random.rand(3)",
    "import numpy as np\nnp.random.seed(0)",
    "import numpy\nnumpy.random.normal()",
    "from numpy import random\nrandom.permutation(3)",
    "from numpy.random import shuffle\nshuffle(x)",
    "import numpy as np\nnp.random.RandomState(0)",
    "import numpy as np\nnp.random.default_rng()",
    "import kornia.augmentation as K\nK.RandomHorizontalFlip()",
    "from kornia.augmentation import ColorJitter\nColorJitter()",
    "import kornia\nkornia.augmentation.RandomErasing()",
    "from torchvision.transforms import RandomCrop\nRandomCrop(3)",
    "from torchvision.transforms import v2\nv2.ColorJitter()",
    "from sklearn.ensemble import IsolationForest\nIsolationForest()",
    "from sklearn.manifold import TSNE\nTSNE(2)",
    "from scipy import stats\nstats.bootstrap(x, f)",
    "from scipy.stats import norm\nnorm.rvs()",
    "import optuna\noptuna.samplers.TPESampler()",
    "from optuna.samplers import RandomSampler\nRandomSampler()",
    "from torch import *",
]
CLEAN = [
    "import torch\ntorch.Generator().manual_seed(3)",
    "import torch\ntorch.randperm(3, generator=g)",
    "import torch\ntorch.rand(3, generator=g, device=d)",
    "import torch\ntorch.empty(3).normal_(generator=g)",
    "from torch import nn\nnn.init.kaiming_normal_(w, generator=g)",
    "from torch import nn\nnn.init.zeros_(w)",
    "import numpy as np\nnp.random.default_rng(3).normal()",
    "import numpy as np\ndef f(g: np.random.Generator) -> None: g.permutation(3)",
    "import random\nrandom.Random(3).shuffle(x)",
    "from kornia.enhance import adjust_brightness\nadjust_brightness(x, 0.5)",
    "from sklearn.ensemble import IsolationForest\nIsolationForest(random_state=3)",
    "import optuna\noptuna.samplers.TPESampler(seed=3)",
    "from torchvision.models import resnet18\nresnet18()",
    "random = 3\nprint(random)",
]


@pytest.mark.parametrize("source", PLANTED)
def test_a_planted_violation_is_found(source):
    [found] = violations(source)
    assert found.startswith(f"{source.count(chr(10)) + 1}: ")


@pytest.mark.parametrize("source", CLEAN)
def test_what_is_given_its_generator_is_let_through(source):
    assert violations(source) == []


def test_nothing_sets_or_reads_the_global_random_state():
    assert len(SOURCES) > 100, "the sources are where they are looked for"
    found = {str(path.relative_to(ROOT)): lines for path in SOURCES if (lines := violations(path.read_text()))}
    assert found == {}
