"""The published figures, each with the page it was read from. What could not be read at its source is not here."""

SOURCES = {
    "VIEScore": "the authors' notebook as printed (TIGER-AI-Lab/VIEScore @ aeb1f18, analyze_json.ipynb): people and"
    " gemini_0shot; people's task figures are the generators' ones that it prints, averaged by its own rule; the"
    " paper's figures of other judges (arXiv 2312.14867) could not be read",
    "GenAI-Bench": "genaibench_results.txt of TIGER-AI-Lab/GenAI-Bench, main (arXiv 2406.04485), of all rows",
    "TIFA160": "human_annotations/compute_correlation.ipynb of Yushi-Hu/tifa @ 5fdd711, as printed (arXiv 2303.11897);"
    " what it prints as Spearman's is numpy.corrcoef, so it stands beside pearson here",
    "DSG": "README of j-min/DSG @ 2fdce11, output of scripts/tifa160_correlation.py (arXiv 2310.18235), three digits",
    "AGIQA-3K": "none: the paper (arXiv 2502.15167) scores with a regression head, not with these words",
    "ImageReward": "the counts registered for this test set; the data card's 7.23k pairs are 6,399 and 831 tied ones",
}
"""Where each table's published figures come from."""

IMAGEREWARD = {"prompts": 466, "images": 2720, "pairs": 6399, "tied_pairs": 831, "prompt_texts": 463}

_TIFA160 = {
    "meteor": (0.33965916777485317, 0.27407599432086477),
    "bleu": (0.18334016729588443, 0.18791013860699693),
    "rouge": (0.3288894058298478, 0.24485782545105927),
    "spice": (0.3280527854243443, 0.2317581980131657),
    "clipscore_vitb32": (0.3318181645103688, 0.2314458979024208),
    "tifa_vilt": (0.4932251792578269, 0.3824088520807112),
    "tifa_git-large": (0.5445007948927731, 0.42550824027221545),
    "tifa_ofa-large": (0.4961472092111418, 0.37247819040318836),
    "tifa_blip2-flant5xl": (0.5589831246126169, 0.4359972113027652),
    "tifa_mplug-large": (0.5967201059577838, 0.4717164648720951),
}
TIFA160 = {
    (metric, measure): value
    for metric, pair in _TIFA160.items()
    for measure, value in zip(("pearson", "kendall"), pair, strict=True)
}

_DSG = {
    ("mplug-large", "with_dependency"): (0.463, 0.380),
    ("mplug-large", "without_dependency"): (0.464, 0.378),
    ("instruct-blip", "with_dependency"): (0.442, 0.364),
    ("instruct-blip", "without_dependency"): (0.436, 0.355),
    ("pali-17b", "with_dependency"): (0.571, 0.458),
    ("pali-17b", "without_dependency"): (0.570, 0.457),
}
DSG = {
    (*key, measure): value
    for key, pair in _DSG.items()
    for measure, value in zip(("spearman", "kendall"), pair, strict=True)
}

_GENAI_BENCH = {  # per cent: image_generation, image_edition
    "random": (25.36, 25.90),
    "gpt4o": (45.59, 53.54),
    "gemini-1.5-pro": (44.67, 55.93),
    "llava": (37.00, 26.12),
    "idefics2": (42.25, 27.31),
    "llavanext": (22.65, 25.35),
    "minicpm-V-2.5": (37.81, 25.24),
    "blip2": (26.34, 26.01),
    "videollava": (37.75, 26.66),
    "cogvlm": (29.34, 0.0),
    "qwenVL": (26.63, 14.91),
    "instructblip": (3.11, 19.80),
    "idefics1": (0.81, 5.66),
    "ottervideo": (0.0, 0.0),
    "otterimage": (0.0, 0.0),
    "mantis-8b-idefics2": (0.0, 0.0),
    "mantis-8b-idefics2_8192": (0.0, 0.0),
    "kosmos2": (0.0, 0.0),
}
GENAI_BENCH = {
    (task, judge): per_cent / 100
    for judge, pair in _GENAI_BENCH.items()
    for task, per_cent in zip(("image_generation", "image_edition"), pair, strict=True)
}
GENAI_BENCH_ROWS = {"image_generation": 1735, "image_edition": 919}
"""The rows of the whole files, which what was published is of; with fewer a note says so."""
