"""Where source text reads or sets the global random state, or draws what no seed of ours decides."""

import ast
from collections.abc import Iterator

# Not one name below these may be used, but for the exceptions, which must be given a seed.
FORBIDDEN = {
    "random": {"Random"},
    "numpy.random": {"default_rng", "Generator", "PCG64", "Philox", "SeedSequence"},
    "torch.random": set(),
    "torch.seed": set(),
    "torch.manual_seed": set(),
    "torch.initial_seed": set(),
    "torch.get_rng_state": set(),
    "torch.set_rng_state": set(),
    "torch.default_generator": set(),
    "torch.cuda.seed": set(),
    "torch.cuda.seed_all": set(),
    "torch.cuda.manual_seed": set(),
    "torch.cuda.manual_seed_all": set(),
    "torch.cuda.initial_seed": set(),
    "torch.cuda.get_rng_state": set(),
    "torch.cuda.set_rng_state": set(),
    "kornia.augmentation": set(),  # draws from torch's global generator, and takes no other
    "torch.nn.Dropout": set(),
    "torch.nn.Dropout2d": set(),
    "torch.nn.functional.dropout": set(),
    "torch.nn.functional.dropout2d": set(),
    "torch.nn.functional.gumbel_softmax": set(),
    "torch.nn.functional.rrelu": set(),
}
SEEDED = {"default_rng", "Random", "PCG64", "Philox", "SeedSequence"}  # without an argument they ask the system

# These draw from a global generator unless they are given one, by the keyword.
DRAWS = {
    "torch": "generator rand randn randint randperm rand_like randn_like randint_like bernoulli multinomial normal"
    " poisson",
    "torch.utils.data": "generator DataLoader RandomSampler WeightedRandomSampler random_split",
    "sklearn.ensemble": "random_state IsolationForest RandomForestRegressor RandomForestClassifier ExtraTreesRegressor",
    "sklearn.tree": "random_state DecisionTreeRegressor DecisionTreeClassifier ExtraTreeRegressor ExtraTreeClassifier",
    "sklearn.cluster": "random_state KMeans MiniBatchKMeans",
    "sklearn.manifold": "random_state TSNE",
    "sklearn.decomposition": "random_state PCA TruncatedSVD FastICA",
    "sklearn.random_projection": "random_state GaussianRandomProjection SparseRandomProjection",
    "sklearn.utils": "random_state shuffle resample",
    "sklearn.model_selection": "random_state train_test_split ShuffleSplit",
    "optuna.samplers": "seed RandomSampler TPESampler GPSampler QMCSampler CmaEsSampler NSGAIISampler",
    "optuna.importance": "seed FanovaImportanceEvaluator MeanDecreaseImpurityImportanceEvaluator",
}
GIVEN_BY = {
    f"{module}.{name}": keyword
    for module, words in DRAWS.items()
    for keyword, *names in [words.split()]
    for name in names
}
STEADY_INITS = {"zeros_", "ones_", "constant_", "eye_", "dirac_", "calculate_gain"}  # of torch.nn.init
METHODS = {
    "normal_", "uniform_", "random_", "bernoulli", "bernoulli_", "exponential_", "geometric_", "cauchy_", "log_normal_"
}  # of tensors  # fmt: skip
RANDOM_TRANSFORMS = {"ColorJitter", "AutoAugment", "RandAugment", "TrivialAugmentWide", "AugMix", "GaussianBlur"}


def violations(source: str) -> list[str]:
    """`line: what` of each, in the order of the lines."""
    tree = ast.parse(source)
    names = _names(tree)
    calls = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name) and id(node) not in inner:
            path, call = _path(node, names), calls.get(id(node))
            wrong = path is not None and _wrong(path, call)
            if wrong or (isinstance(node, ast.Attribute) and _wrong_method(node.attr, call, path)):
                found.append((node.lineno, ast.unparse(node)))
    found += [(node.lineno, what) for node, what in _star_imports(tree)]
    return [f"{line}: {what}" for line, what in sorted(set(found))]


def _names(tree: ast.AST) -> dict[str, str]:
    """What each imported name stands for, wherever it is imported."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.partition(".")[0]
                names[alias.asname or first] = alias.name if alias.asname else first
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return names


def _star_imports(tree: ast.AST) -> Iterator[tuple[ast.ImportFrom, str]]:
    roots = {name.partition(".")[0] for name in (*FORBIDDEN, *GIVEN_BY)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or node.module is None or node.module.partition(".")[0] not in roots:
            continue
        if any(alias.name == "*" for alias in node.names):
            yield node, f"from {node.module} import *"


def _path(node: ast.expr, names: dict[str, str]) -> str | None:
    """`torch.nn.init` for an expression that stands for it; None for what is no imported name."""
    attributes: list[str] = []
    while isinstance(node, ast.Attribute):
        attributes.insert(0, node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or node.id not in names:
        return None
    return ".".join([names[node.id], *attributes])


def _wrong(path: str, call: ast.Call | None) -> bool:
    given = {keyword.arg for keyword in call.keywords} if call else set()
    module, _, name = path.rpartition(".")
    if path in GIVEN_BY:
        named_only = call is None and name[0].isupper()  # a class in an annotation, or as a base
        return not named_only and GIVEN_BY[path] not in given
    if module == "torch.nn.init":
        return name not in STEADY_INITS and "generator" not in given
    if path.startswith("torchvision.transforms"):
        return name.startswith("Random") or name in RANDOM_TRANSFORMS
    if module.startswith("scipy.stats") and (name in {"bootstrap", "permutation_test", "monte_carlo_test", "rvs"}):
        return not given & {"rng", "random_state"}
    for forbidden, excepted in FORBIDDEN.items():
        if path == forbidden and not excepted:
            return True
        if path.startswith(f"{forbidden}."):
            rest = path.removeprefix(f"{forbidden}.").split(".")[0]
            unseeded = call is not None and rest in SEEDED and not (call.args or call.keywords)
            return rest not in excepted or unseeded
    return False


def _wrong_method(name: str, call: ast.Call | None, path: str | None) -> bool:
    """Of a tensor: `x.normal_()` without a generator."""
    if name not in METHODS or call is None or (path or "").startswith("torch."):
        return False
    return "generator" not in {keyword.arg for keyword in call.keywords}
