"""What every test may ask for, and how long the property tests search."""

import os

import pytest
from hypothesis import HealthCheck, settings

pytest.register_assert_rewrite("tests.support")  # so that a failed assertion in there says what it compared
pytest_plugins = ["tests.support.stack", "tests.support.order", "tests.support.day"]

# No deadline: a busy machine is no error. The searches are short where everybody runs them, and long on request:
# HYPOTHESIS_PROFILE=thorough.
_patient = [HealthCheck.too_slow, HealthCheck.large_base_example, HealthCheck.data_too_large]
settings.register_profile("quick", max_examples=20, deadline=None, suppress_health_check=_patient)
settings.register_profile("thorough", max_examples=500, deadline=None, suppress_health_check=_patient)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
