"""Whatever is called in whatever order, and whenever the plugin is killed: it is as the model says."""

from __future__ import annotations

import pytest

from .conftest import Start

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("server", "examples"), [("werkzeug", 20), ("gunicorn", 10)])
def test_it_is_as_the_model_says(start: Start, pytestconfig: pytest.Config, server: str, examples: int) -> None:
    import hypothesis
    from hypothesis.stateful import run_state_machine_as_test

    from .machine import Machine

    settings = hypothesis.settings(
        max_examples=examples,
        stateful_step_count=100,
        deadline=None,
        database=None,
        phases=[hypothesis.Phase.generate],  # a shorter example would take minutes to find
        report_multiple_bugs=False,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    machine = hypothesis.seed(pytestconfig.getoption("ddd_seed"))(type("Run", (Machine,), {"ddd": start(server)}))
    run_state_machine_as_test(machine, settings=settings)
    assert machine.steps > examples * 50 and machine.starts > examples / 2, (machine.steps, machine.starts)
