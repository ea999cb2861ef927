"""Optix Gateway: Cloud Optix alerts in, durably, and out to every system a security team uses."""

__version__ = "0.1.0"
