"""Which alerts a route takes, and why: the filter keys of a route file."""
