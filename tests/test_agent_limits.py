"""Where the agent ends: the limits of its loop and of the run, and what they are called."""

import pytest
from agents import ONE, Dialect, both, judge, model, of_agent, quarter, results

from autorater import AutoRater
from autorater.budget import Budget
from autorater.errors import BudgetExceeded, UsageError
from autorater.prices import Price
from autorater.settings import AgentLimits, read_limits


def dollar(*call: object) -> float:
    """What every call costs."""
    return 1.0


@both
@pytest.mark.parametrize(
    ("limits", "turns", "met"),
    [
        (AgentLimits(steps=2), 2, "2 turns"),
        (AgentLimits(calls=3), 3, "3 looks"),
        (AgentLimits(cost=0.5), 2, r"$0.5"),
        (AgentLimits(seconds=0.1), 1, "0.1 s"),
    ],
)
def test_a_limit_ends_the_loop_and_is_told(dialect: Dialect, limits: AgentLimits, turns: int, met: str) -> None:
    steps = [[("finding", {**ONE, "look_for": f"thing {n}"})] for n in range(9)]
    asked = model(dialect, *steps, seconds=0.12 if limits.seconds < 1 else 0.0)
    judged = judge(asked, limits=limits, price=quarter)
    assert len(of_agent(asked)) == turns == len(judged.assessments)
    assert judged.warnings == (f"the agent was ended by its limit of {met}; the judge has what it found until then",)
    assert judged.outcome == "tie"


@both
def test_the_agent_is_told_what_is_left(dialect: Dialect) -> None:
    asked = model(dialect, [("width", ONE)], [("width", {"image": "all"})])
    judge(asked, limits=AgentLimits(steps=4, calls=3))
    first, second, third = of_agent(asked)
    assert "You have at most 4 turns and 3 looks" in first.conversation.system
    assert "(Left: 3 turns, 2 looks.)" in results(second)[-1]
    assert "(Left: 2 turns, 1 look.)" in results(third)[-1]


@both
def test_a_call_that_takes_more_looks_than_are_left_is_told_so(dialect: Dialect) -> None:
    asked = model(dialect, [("width", ONE)], [("picky", {"image": "all"})], [("picky", ONE)])
    judged = judge(asked, limits=AgentLimits(calls=2))
    assert "this takes 2 looks, more than are left (1)" in results(of_agent(asked)[-1])[1]
    assert [(item.specialist, item.candidate) for item in judged.assessments] == [("width", "a"), ("picky", "a")]


def test_the_budget_of_the_run_ends_the_run() -> None:
    asked = model("native", [("width", ONE)])
    with pytest.raises(BudgetExceeded):
        judge(asked, price=dollar, budget=Budget(1.0))
    assert len(asked.asked) == 1


def test_limits_are_for_an_agent() -> None:
    with pytest.raises(UsageError, match="leave them out, or choose it"):
        AutoRater(model("native"), tools="all", agent_limits=AgentLimits())


def test_a_limit_on_money_needs_a_price() -> None:
    with pytest.raises(UsageError, match="a limit on money cannot be kept"):
        AutoRater(model("native"), tools="agent", agent_limits=AgentLimits(cost=1))
    price = Price(input_per_million=1, output_per_million=1)  # type: ignore[arg-type]
    AutoRater(model("native"), tools="agent", agent_limits=AgentLimits(cost=1), price=price).close()


def test_limits_in_words() -> None:
    assert read_limits("steps=3, calls=4,cost=0.5,seconds=9") == AgentLimits(steps=3, calls=4, cost=0.5, seconds=9)
    assert read_limits("steps=3") == AgentLimits(steps=3)


@pytest.mark.parametrize("text", ["steps=0", "calls=-1", "cost=0", "seconds=nan", "steps", "speed=3", "cost=inf"])
def test_wrong_limits_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"--agent-limits: .*as in steps=4"):
        read_limits(text)
