from __future__ import annotations

from hypothesis import HealthCheck, settings

# Machines differ and share their processors: a slow example is no wrong one.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")
