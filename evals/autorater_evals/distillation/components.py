"""Connected components by prompt and image, and the split that keeps each whole."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from autorater.canonical import digest
from autorater_evals.distillation.pictures import first_of
from autorater_evals.distillation.plan import Plan, Subject
from autorater_evals.distillation.prompts import prompt_digest
from autorater_evals.trainset.example import Split

SPLITS: tuple[Split, ...] = ("train", "validation", "test")
_SHARES = (0.1, 0.15, 0.2, 0.25, 0.3, 0.34, 0.4, 0.45, 0.5)


def components(
    subjects: Sequence[Subject], firsts: Mapping[str, str], *, shared_prompt: bool = False
) -> dict[str, str]:
    """Item → the name of its component; `firsts` are pictures that look the same, see `pictures.alike`."""
    return connected(
        {
            one.item: connections(
                one.prompt,
                one.cluster,
                [first_of(name, firsts) for name in one.images],
                shared_prompt=shared_prompt,
            )
            for one in subjects
        }
    )


def connections(prompt: str, cluster: str, images: Iterable[str], *, shared_prompt: bool = False) -> list[str]:
    """What an item may share with others: its cluster, each image, and its normalised prompt.

    `shared_prompt`: all items have the same words in place of a prompt, which connect nothing; see `BenchmarkMeta`.
    """
    prompts = [] if shared_prompt else [f"prompt {prompt_digest(prompt)}"]
    return [f"cluster {cluster}", *prompts, *(f"image {name}" for name in images)]


def connected(shared: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Member → the name of its component, which is its smallest member.

    `shared` is member → what it may share with others: those that share something are together, and so are those that
    others connect.
    """
    parent: dict[str, str] = {}

    def root(node: str) -> str:
        while parent.setdefault(node, node) != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for member, things in shared.items():
        for thing in things:
            parent[root(f"shared {thing}")] = root(f"member {member}")
    members: dict[str, list[str]] = {}
    for member in shared:
        members.setdefault(root(f"member {member}"), []).append(member)
    return {member: min(together) for together in members.values() for member in together}


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


def filling(clusters: Mapping[str, str], plan: Plan) -> tuple[float, float] | None:
    """Shares of validation and test that leave no split empty, as small as may be; None where none do.

    Where no shares fill all that the plan wants, test alone is held out, or validation where no test is wanted.
    """
    validation, test = plan.holdout
    for wanted in dict.fromkeys((plan.holdout, (0.0 if test else validation, test))):
        for share in _SHARES:
            first, second = (max(one, share) if one else 0.0 for one in wanted)
            if first + second >= 1:
                break
            tried = split(clusters, plan.model_copy(update={"holdout": (first, second)}))
            if len(set(tried.values())) == 1 + bool(first) + bool(second):
                return first, second
    return None
