"""Connected components by prompt and image, and the split that keeps each whole."""

from collections import Counter
from collections.abc import Mapping, Sequence

from autorater.canonical import digest
from autorater_evals.distillation.pictures import first_of
from autorater_evals.distillation.plan import Plan, Subject
from autorater_evals.distillation.prompts import prompt_digest
from autorater_evals.trainset.example import Split

SPLITS: tuple[Split, ...] = ("train", "validation", "test")


def components(subjects: Sequence[Subject], firsts: Mapping[str, str]) -> dict[str, str]:
    """Item → the name of its component: items that share a normalised prompt, a cluster or any image are together.

    `firsts` are pictures that look the same, see `pictures.alike`. The name is the smallest item's.
    """
    parent: dict[str, str] = {}

    def root(node: str) -> str:
        while parent.setdefault(node, node) != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for subject in subjects:
        own = root(f"item {subject.item}")
        shared = [f"prompt {prompt_digest(subject.prompt)}", f"cluster {subject.cluster}"]
        for node in (*shared, *(f"image {first_of(name, firsts)}" for name in subject.images)):
            parent[root(node)] = own
    members: dict[str, list[str]] = {}
    for subject in subjects:
        members.setdefault(root(f"item {subject.item}"), []).append(subject.item)
    return {item: min(items) for items in members.values() for item in items}


def split(clusters: Mapping[str, str], plan: Plan) -> dict[str, Split]:
    """Item → split. Components come in an order drawn by the seed; each goes where most is still wanted."""
    sizes = Counter(clusters.values())
    wanted: dict[Split, float] = dict(zip(SPLITS, (1 - sum(plan.holdout), *plan.holdout), strict=True))
    left: dict[Split, float] = {name: share * len(clusters) for name, share in wanted.items()}
    chosen: dict[str, Split] = {}
    for cluster in sorted(sizes, key=lambda name: digest(f"{plan.seed}/split/{name}".encode())):
        places: list[Split] = [name for name in SPLITS if wanted[name] > 0]
        place = max(places, key=lambda name: left[name])
        chosen[cluster] = place
        left[place] -= sizes[cluster]
    return {item: chosen[cluster] for item, cluster in clusters.items()}
