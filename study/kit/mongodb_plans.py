"""What MongoDB says about how it runs a query, shortened to what matters: the stages, the index, and how much was looked at."""

from collections.abc import Iterator
from typing import Any

Document = dict[str, Any]


def shortened(explained: Document) -> str:
    """One line for each stage, the first one first, of an `explain` with executionStats."""
    stages: list[Document] = explained.get("stages", [{"$cursor": explained}])
    return "\n".join(line for stage in stages for line in _of_stage(stage))


def _of_stage(stage: Document) -> Iterator[str]:
    if "$cursor" in stage:
        yield from _of_query(stage["$cursor"])
    else:
        yield f"{next(iter(stage))}: {stage['nReturned']} documents"


def _of_query(part: Document) -> Iterator[str]:
    plan = part["queryPlanner"]["winningPlan"]
    yield from _of_plan(plan.get("queryPlan", plan))
    stats = part["executionStats"]
    yield (
        f"{stats['totalKeysExamined']} keys and {stats['totalDocsExamined']} documents examined, "
        f"{stats['nReturned']} returned, {stats['executionTimeMillis']} ms"
    )


def _of_plan(plan: Document) -> Iterator[str]:
    """The innermost first, as it is run."""
    for inner in [plan["inputStage"]] if "inputStage" in plan else plan.get("inputStages", []):
        yield from _of_plan(inner)
    yield " ".join([plan["stage"], *([plan["indexName"]] if "indexName" in plan else [])])
