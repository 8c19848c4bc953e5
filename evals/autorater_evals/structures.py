"""What of an evaluation is more than one number: rankings, tables and curves."""

from autorater.canonical import Record
from autorater_evals.figure import Figure
from autorater_evals.statistics.abstaining import RiskCoverage
from autorater_evals.statistics.agreement import GapBin
from autorater_evals.statistics.attributes import AttributeAgreement, MatrixDistance
from autorater_evals.statistics.calibration import Calibration
from autorater_evals.statistics.ranking import Ranking


class GeneratorRanking(Record):
    """Who makes the better images, by the judge and by people, on the same pairs (Bradley-Terry, ties count half)."""

    judge: Ranking
    people: Ranking
    agreement: Figure
    """Kendall's tau-b of the two."""


class Structures(Record):
    """The structures of one part; of pairs by dimension, of points the attributes together."""

    part: str
    dimension: str = ""
    generators: GeneratorRanking | None = None
    gaps: tuple[GapBin, ...] = ()
    """Accuracy (ties half) by the size of people's gap."""
    calibration: Calibration | None = None
    """Of the probability of what is preferred."""
    risk: RiskCoverage | None = None
    """Wrong answers against how many of the surest answers are kept."""
    attributes: MatrixDistance | None = None
    agreements: tuple[AttributeAgreement, ...] = ()
