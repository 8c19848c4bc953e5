"""The content words of a prompt: what could be seen, without articles, numbers, colours and words of depiction."""

import re

_STOP = frozenset(
    re.findall(
        r"\w+",
        """a an the and or but of in on at by to for from with without into onto over under above below near next beside
        behind between through during is are was were be been being it its this that these those there here which who
        whom whose what where when while as than then so such not no very can could may might will would should do does
        did has have had one two three four five six seven eight nine ten some any each every few many several other
        another both all view image photo photograph picture painting style colored coloured color colour shape sized
        made using used like looking sitting standing lying holding cut arranged placed cooking showing wearing riding
        playing walking running eating late early tap measuring large small big tiny old new young beautiful couple
        pair pieces piece red orange yellow green blue purple violet pink brown black white grey gray gold golden
        silver cyan turquoise""",
    )
)


def concepts(prompt: str) -> list[str]:
    """The content words of three letters and more, singular, in order, once each."""
    found = (word for word in re.findall(r"[a-z]+(?:-[a-z]+)?", prompt.lower()) if len(word) > 2 and word not in _STOP)
    return list(dict.fromkeys(word if word == "glasses" else singular(word) for word in found))


def singular(word: str) -> str:
    """The singular of an English noun, by its ending; irregular plurals are left as they are."""
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3:
        return word[:-1]
    return word
